"""A whole installation with its own PostgreSQL and its own broker, both of which may be killed."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
import yaml
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from apps.access import commands as access
from apps.inventory.commands import register_version
from apps.inventory.models import ModelVersion
from governance.local.installation import Installation
from governance.local.places import Places
from tests import factories
from tests.chaos.brokers import Broker, broker
from tests.flows import bank
from tests.gates import rows
from tests.stack import LiveStack, running

_T = TypeVar("_T")
LEASE_S = 3
PARTS = 4
# One cheap gate: what is tried here is the queue, not the measuring.
POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: small, version: 1.0.0, title: A small policy, owner: model-risk-policy}
effective: {from: 2026-01-01, until: null}
applies_to: {match: {model.domain: [credit]}}
gates:
  - {id: performance.floor, check: performance.auc, pass: {min: 0.10}}
"""


@dataclass(frozen=True, slots=True)
class Whole:
    """The running processes, the broker where it is not the embedded one, somebody who may ask."""

    stack: LiveStack
    broker: Broker | None
    token: str
    labels: list[str]

    @property
    def broker_name(self) -> str:
        return "broker" if self.broker else "Valkey"

    def wipe_broker(self) -> None:
        if self.broker is not None:
            self.broker.wipe()
        else:
            shutil.rmtree(self.stack.installation.places.valkey_data, ignore_errors=True)


@contextmanager
def whole(name: str, **environment: str) -> Iterator[Whole]:
    """Everything that `serve` starts, over the broker of that name and with durable writes."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-whole-"))
    folder.chmod(0o755)
    former = dict(connection.settings_dict)
    with pytest.MonkeyPatch.context() as patch:
        own = broker(name, folder / "broker")
        given = _environment(folder, own) | environment
        _settings(patch, folder, given)
        found: list[tuple[str, list[str]]] = []

        def first(installation: Installation) -> None:
            if own is not None:
                installation.supervisor.add(own.service())
            installation.migrate()
            _connect(folder)
            found.append(_people_and_models())

        try:
            with running(folder, given, first=first) as stack:
                yield Whole(stack, own, *found[0])
        finally:
            connection.close()
            connection.settings_dict.update(former)
            if own is not None:
                own.close()
            shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path, own: Broker | None) -> dict[str, str]:
    hidden = ("DATABASE_URL", "COUNTERSIGN_OWNER_DATABASE_URL", "COUNTERSIGN_SEQUENCER_DATABASE_URL")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "governance.settings",
        "COUNTERSIGN_STATE": str(folder),
        "COUNTERSIGN_RUN_LEASE_SECONDS": str(LEASE_S),
        "COUNTERSIGN_SHARE_ROWS": "100",
        "COUNTERSIGN_LOG_LEVEL": "WARNING",
        "CELERY_BROKER_URL": own.url if own else "",
    }


def _settings(patch: pytest.MonkeyPatch, folder: Path, given: dict[str, str]) -> None:
    patch.setattr(settings, "STATE", folder)
    patch.setattr(settings, "PLACES", Places(folder))
    patch.setattr(settings, "TEST_AUTHORITY", Places(folder).test_authority)
    patch.setattr(settings, "RUN_LEASE_SECONDS", LEASE_S)
    patch.setenv("COUNTERSIGN_STATE", str(folder))


def _connect(folder: Path) -> None:
    connection.close()
    connection.settings_dict.update(
        HOST=str(Places(folder).sockets), PORT="", NAME="countersign", USER="cs_app", PASSWORD=""
    )


def _people_and_models() -> tuple[str, list[str]]:
    """Somebody who may ask, one small policy, three versions of a model and one whose data are in parts."""
    dev = factories.developer()
    factories.head()
    author = factories.person("policy-author", "model-risk-policy")
    second = factories.person("policy-second", "model-risk-policy")
    rows.release(author, second, POLICY.encode())
    made: list[ModelVersion] = [bank.version(label=str(number)) for number in range(3)]
    made.append(in_parts(made[0]))
    scopes = ("model.see", "run.request")
    token = access.issue_token(by=dev, person=dev, name="chaos", scopes=scopes)[1]
    return token, [version.label for version in made]


def in_parts(like: ModelVersion) -> ModelVersion:
    """A version of the same model, whose data are so many small parts."""
    table = arrow_csv.read_csv(io.BytesIO(factories.table(PARTS * 40)))
    parts = {}
    for number in range(PARTS):
        sink = pa.BufferOutputStream()
        pq.write_table(table.slice(number * 40, 40), sink)
        parts[f"p{number}.parquet"] = factories.blob(sink.getvalue().to_pybytes()).digest
    sets = {"holdout": factories.holdout(path="holdout")}
    manifest = factories.manifest(like.model.key, "parts", datasets=sets)
    return register_version(
        by=factories.developer(),
        manifest=yaml.safe_dump(manifest).encode(),
        blobs={"datasets": {"holdout": {"parts": parts}}},
    )


def patient(ask: Callable[[], _T], patience: float = 60) -> _T:
    """The answer of a query while the database is killed now and then."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
