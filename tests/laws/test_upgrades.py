"""The release before may serve while this one migrates, and after its code was taken back."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.db.migrations.loader import MigrationLoader

from governance.upgrading import Concern, Key, concerns, planned

RELEASED = Path(__file__).with_name("released.txt")
# Looked at one by one: a migration that the older release may notice, and why it may go on all the same.
REVIEWED: dict[Key, str] = {}


def released() -> list[Key]:
    lines = (line.split() for line in RELEASED.read_text().splitlines() if not line.startswith("#"))
    return [(app, name) for app, name in lines]


@cache
def told() -> tuple[Concern, ...]:
    loader = MigrationLoader(None)
    applied = {key for leaf in released() for key in loader.graph.forwards_plan(leaf)}
    own = {app for app, _ in released()}
    applied |= {key for key in planned(loader) if key[0] not in own}
    return tuple(concerns(loader, applied))


def test_no_migration_since_the_release_stops_the_one_before():
    assert [str(concern) for concern in told() if concern.migration not in REVIEWED] == []


def test_what_was_reviewed_is_still_there_and_says_why():
    assert set(REVIEWED) <= {concern.migration for concern in told()}
    assert all(len(sentence.split()) > 5 for sentence in REVIEWED.values())
