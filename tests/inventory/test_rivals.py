"""Rival registrations: of two that want the same label exactly one wins, and nothing is half-written."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from apps.audit.errors import Refused
from apps.audit.models import Event
from apps.inventory.commands import register_version
from apps.inventory.models import Contribution, DataSet, ModelVersion, RegisteredModel
from tests import factories

pytestmark = pytest.mark.slow


def race(contents: list[bytes]) -> list[str]:
    """Register one version of each content under one label, all begun together."""
    dev = factories.developer()
    factories.unit()
    digests = [factories.blob(data, by=dev).digest for data in contents]
    gate, outcomes = threading.Barrier(len(digests)), []

    def register(digest: str) -> None:
        gate.wait()
        try:
            version = register_version(
                by=dev, manifest=factories.manifest(), blobs={"datasets": {"holdout": digest}}
            )
            outcomes.append(version.digest)
        except Refused as refused:
            outcomes.append(refused.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=register, args=(digest,)) for digest in digests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def written() -> list[int]:
    return [table.objects.count() for table in (RegisteredModel, ModelVersion, DataSet, Contribution)]


def test_of_rivals_with_other_bytes_exactly_one_wins(fresh_database):
    outcomes = race([factories.table(n) for n in (50, 60, 70, 80)])
    assert outcomes.count("other_bytes") == 3
    assert ModelVersion.objects.get().digest in outcomes
    assert written() == [1, 1, 1, 1]


def test_twins_with_the_same_bytes_all_get_the_same_row(fresh_database):
    outcomes = race([factories.table(50)] * 4)
    assert set(outcomes) == {ModelVersion.objects.get().digest}
    assert written() == [1, 1, 1, 1]
    assert Event.objects.filter(action="version.registered").count() == 1
