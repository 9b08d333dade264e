"""What counts as drift between a saved description and a newer one."""

from __future__ import annotations

import json

from tests.drift import SAVED, differences


def test_what_is_new_gone_or_other_is_named_and_words_decide_nothing() -> None:
    old = {"type": "object", "description": "x", "properties": {"a": {"type": "string"}, "b": {}}}
    new = {"type": "object", "description": "y", "properties": {"a": {"type": "integer"}, "c": {}}}
    assert list(differences(old, new)) == [
        '/properties/a/type was "string", is "integer"',
        "/properties/b is gone",
        "/properties/c is new",
    ]
    assert list(differences(old, {**old, "description": "z"})) == []


def test_every_saved_part_is_still_where_it_is_looked_for() -> None:
    assert all(one.kept(json.loads(one.file.read_text("utf-8"))) for one in SAVED)
