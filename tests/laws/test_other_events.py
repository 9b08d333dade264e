"""Events that no other test names: each played once through its command."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from apps.access import commands as access
from apps.audit import commands as audit
from apps.audit.models import Event
from apps.costs import commands as costs
from apps.engine.keys import Purpose
from apps.gates import commands as gates
from apps.gates.states import Failure
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


def token() -> None:
    by = factories.developer()
    issued, _ = access.issue_token(by=by, person=by, name="laptop", scopes=["model.see"])
    access.revoke_token(by=by, token=issued, reason="lost")


def unit() -> None:
    factories.unit("markets")


def erased() -> None:
    audit.erase_personal(by=factories.administrator(), person=factories.developer(), reason="Asked for it.")


def rate() -> None:
    costs.set_rate(by=factories.head(), hardware="cpu", per_second=Decimal("0.0001"))


def cancelled() -> None:
    by = factories.developer()
    run = gates.request_run(by=by, version=bank.version(), use=bank.use_of(bank.version()))
    gates.cancel(by=by, run=run, reason="not needed")


def retried() -> None:
    by = factories.developer()
    run = gates.request_run(by=by, version=bank.version(), use=bank.use_of(bank.version()))
    held = gates.claim(by=bank.WORKER, run_id=run.pk, owner="a test")
    gates.fail(by=bank.WORKER, run=held, failure=Failure.CRASH, cause="It fell over.")


def keys() -> None:
    key = audit.service_signer(by=bank.WORKER, purpose=Purpose.STATEMENT).key_id
    audit.end_key(by=bank.WORKER, key_id=key, reason="A year is over.")
    audit.end_key(by=bank.WORKER, key_id=key, reason="It was copied.", revoked=True)


SCENES: list[tuple[Callable[[], None], tuple[str, ...]]] = [
    (token, ("token.issued", "token.revoked")),
    (unit, ("unit.declared",)),
    (erased, ("person.erased",)),
    (rate, ("rate.set",)),
    (cancelled, ("run.cancelled",)),
    (retried, ("run.retried",)),
    (keys, ("key.retired", "key.revoked")),
]


@pytest.mark.parametrize(("play", "events"), SCENES, ids=[play.__name__ for play, _ in SCENES])
def test_it_is_told(play: Callable[[], None], events: tuple[str, ...]) -> None:
    before = set(Event.objects.values_list("pk", flat=True))
    play()
    assert set(events) <= set(Event.objects.exclude(pk__in=before).values_list("action", flat=True))
