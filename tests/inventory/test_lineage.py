"""What feeds what: edges that people state, events that systems tell, cycles, and who may see them."""

from __future__ import annotations

import pytest
from django.db import connection

from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event
from apps.inventory import commands, lineage
from apps.inventory.lineage import Line, Thing, line, thing
from apps.inventory.models import LineageEdge, LineageEvent, LineageNode
from apps.inventory.states import EDGES, EdgeKind, NodeKind
from tests.standing import Standing, standing_bank, world

__all__ = ["standing_bank", "world"]
pytestmark = pytest.mark.usefixtures("world")

FIRST = thing("model_version", "credit-pd", label="1")
LOANS, CLEAN = thing("dataset", "loans", namespace="s3://raw"), thing("dataset", "clean", label="sha256:ab")


def stated(world: Standing, kind: str, upstream: Thing, downstream: Thing) -> LineageEdge:
    return commands.state_edge(
        by=world.people["developer"], kind=kind, upstream=upstream, downstream=downstream
    )


def taken(world: Standing, *lines: Line, key: str = "e1", digest: str = "sha256:1") -> commands.lineage.Taken:
    return commands.take_lineage(
        by=world.people["pipeline"], source="openlineage", key=key, digest=digest, lines=lines
    )


def test_an_edge_is_stated_once_and_told(world: Standing) -> None:
    edge = stated(world, "trains", LOANS, FIRST)
    assert stated(world, "trains", LOANS, FIRST) == edge
    assert [str(one) for one in lineage.edges_at(world.people["owner"], [FIRST], below=False)] == [str(edge)]
    assert lineage.edges_at(world.people["owner"], [LOANS], below=True) == [edge]
    assert Event.objects.filter(action="lineage.stated", object_id=str(edge.pk)).count() == 1


def test_an_edge_that_was_ended_may_be_stated_again(world: Standing) -> None:
    edge, by = stated(world, "derives", LOANS, CLEAN), world.people["developer"]
    commands.end_edge(by=by, edge=edge, reason="It reads another table.")
    assert lineage.edges_in_force().count() == 0
    with pytest.raises(Refused, match="ended before"):
        commands.end_edge(by=by, edge=edge, reason="Twice.")
    again = stated(world, "derives", LOANS, CLEAN)
    assert list(lineage.edges_in_force()) == [again]
    assert Event.objects.filter(action="lineage.ended").count() == 1


def test_a_cycle_is_refused_to_a_person_and_marked_where_a_system_tells_it(world: Standing) -> None:
    middle = thing("dataset", "middle")
    stated(world, "derives", LOANS, middle)
    stated(world, "derives", middle, CLEAN)
    with pytest.raises(Refused, match=r"s3://raw/loans feeds clean@sha256:ab already"):
        stated(world, "derives", CLEAN, LOANS)
    (edge,) = taken(world, line("derives", CLEAN, LOANS)).edges
    assert edge.closes_cycle
    with pytest.raises(Refused, match="feed each other"):  # a graph with a cycle is walked to an end
        stated(world, "derives", CLEAN, middle)
    assert lineage.edges_in_force().count() == 3


def test_an_event_is_taken_in_once_and_refused_with_other_bytes(world: Standing) -> None:
    told = line("read_by", LOANS, thing("run", "r1"))
    assert taken(world, told, told).new
    assert not taken(world, told).new
    assert [kind.objects.count() for kind in (LineageEvent, LineageEdge, LineageNode)] == [1, 1, 2]
    with pytest.raises(Refused, match="something else"):
        taken(world, told, digest="sha256:2")
    assert taken(world, told, key="e2").edges == []
    assert Event.objects.filter(action="lineage.taken").count() == 2


def test_only_who_registers_versions_states_what_feeds_them(world: Standing) -> None:
    for role in ("auditor", "risk-officer", "administrator"):
        with pytest.raises((Forbidden, NotFound)):
            commands.state_edge(by=world.people[role], kind="trains", upstream=LOANS, downstream=FIRST)
    with pytest.raises(NotFound):
        commands.state_edge(by=world.people["elsewhere"], kind="trains", upstream=LOANS, downstream=FIRST)
    with pytest.raises(NotFound, match="no version"):
        stated(world, "trains", LOANS, thing("model_version", "credit-pd", label="99"))
    assert not LineageNode.objects.exists()


def test_edges_of_models_out_of_sight_are_not_shown(world: Standing) -> None:
    stated(world, "trains", LOANS, FIRST)
    stated(world, "derives", LOANS, CLEAN)
    seen = lineage.visible_edges(world.people["elsewhere"])
    assert [edge.kind for edge in seen] == ["derives"]


@pytest.mark.parametrize("kind", EdgeKind)
def test_every_kind_of_edge_stands_between_its_kinds_of_things_and_no_others(kind: EdgeKind) -> None:
    above, below = EDGES[kind]
    for up in NodeKind:
        for down in NodeKind:
            ends = thing(up, "a", label="1"), thing(down, "b", label="1")
            if up in above and down in below:
                assert line(kind, *ends).kind == kind
            else:
                with pytest.raises(Invalid, match="stands"):
                    line(kind, *ends)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"kind": "table", "name": "x"}, "A thing is one of"),
        ({"kind": "dataset", "name": ""}, "is empty"),
        ({"kind": "dataset", "name": "a\u202eb"}, "U\\+202E"),
        ({"kind": "dataset", "name": "x" * 301}, "may have 300"),
        ({"kind": "dataset", "name": "x", "label": "y" * 121}, "may have 120"),
    ],
)
def test_a_name_that_the_record_cannot_hold_is_refused(parts: dict[str, str], sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        thing(**parts)


def test_the_longest_names_there_may_be_are_held(world: Standing) -> None:
    long = [thing("dataset", "𝒜" * 300, namespace="𝒜" * 200, label=f"{'𝒜' * 119}{n}") for n in (1, 2)]
    assert stated(world, "derives", *long).pk


def test_the_database_refuses_an_edge_to_itself(world: Standing) -> None:
    edge = stated(world, "derives", LOANS, CLEAN)
    with pytest.raises(Exception, match="lineage_of_two"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO inventory_lineageedge (kind, upstream_id, downstream_id, holds, closes_cycle,"
            " source, reason, stated_by_id, stated_at)"
            " VALUES ('derives', %s, %s, true, false, '', '', %s, now())",
            [edge.upstream_id, edge.upstream_id, edge.stated_by_id],
        )


def test_more_edges_than_one_event_may_tell_are_refused(world: Standing) -> None:
    many = [line("read_by", thing("dataset", f"d{n}"), thing("run", "r")) for n in range(501)]
    with pytest.raises(Invalid, match="at most 500"):
        taken(world, *many)
