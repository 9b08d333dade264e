"""Law 2: for every lifecycle, all moves: those of its table succeed, the rest are refused, twice over."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from django.db import DatabaseError, connection, transaction

from apps.approvals.models import Approval, Finding
from apps.approvals.states import ApprovalState, FindingState
from apps.audit.commands import move
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Ref, system
from apps.gates.models import Partition, Run
from apps.gates.states import PartitionState, RunState
from apps.inventory.models import ConversionJob
from apps.inventory.states import ConversionState

STATES = {
    Run: RunState,
    Partition: PartitionState,
    ConversionJob: ConversionState,
    Approval: ApprovalState,
    Finding: FindingState,
}
LIFECYCLES = tuple(STATES)
PAIRS = [
    pytest.param(model, old, new, id=f"{model.__name__}-{old}-{new}")
    for model in LIFECYCLES
    for old, new in itertools.product(STATES[model], STATES[model])
]


@pytest.mark.parametrize("model", LIFECYCLES)
def test_every_state_is_reachable_and_told_in_the_table(model) -> None:
    first = next(iter(model.MOVES))
    assert set(model.MOVES) == set(STATES[model])
    assert model._meta.get_field("state").default == first
    assert reachable(model.MOVES, first) == set(STATES[model])


def reachable(moves: Mapping[str, frozenset[str]], first: str) -> set[str]:
    found, new = {first}, {first}
    while new:
        new = {to for state in new for to in moves[state]} - found
        found |= new
    return found


@pytest.mark.parametrize(("model", "old", "new"), PAIRS)
def test_the_code_refuses_every_move_that_is_not_in_the_table(model, old, new) -> None:
    if new in model.MOVES[old]:
        return
    row = model(state=old)
    row.audit_ref = lambda: Ref("row", "1", "")
    with pytest.raises(Refused, match=f"is {old}; it cannot become {new}"):
        move(row, new, by=system("a test"), event=EventName.RUN_CLAIMED)


@pytest.mark.usefixtures("small_bank")
@pytest.mark.parametrize(("model", "old", "new"), PAIRS)
def test_the_database_allows_exactly_the_moves_of_the_table(model, old, new) -> None:
    """Tried on an empty copy of the table that carries the lifecycle's own triggers."""
    function = f"{model._meta.db_table}_state_moves"
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE a_copy (state text) ON COMMIT DROP")
        cursor.execute("INSERT INTO a_copy VALUES (%s)", [old])
        cursor.execute(
            "CREATE TRIGGER moves BEFORE UPDATE ON a_copy FOR EACH ROW "
            f"WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION {function}()"
        )
    if new == old or new in model.MOVES[old]:
        change(new)
    else:
        with pytest.raises(DatabaseError, match=f"move from {old} to {new} is not allowed"):
            change(new)


def change(state: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE a_copy SET state = %s", [state])


@pytest.mark.usefixtures("small_bank")
@pytest.mark.parametrize("model", LIFECYCLES)
def test_the_triggers_stand_on_the_real_table(model) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            [model._meta.db_table],
        )
        found = dict(cursor.fetchall())
    assert {"state_begins", "state_moves", "written_once"} <= found.keys()
    assert {found[name] for name in ("state_begins", "state_moves", "written_once")} == {"A"}
