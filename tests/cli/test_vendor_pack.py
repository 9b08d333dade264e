"""`countersign vendor-pack`: what the server says of the pack, or a sentence; no keys, nothing sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.cli import client as talking
from apps.engine.keys import FileSigner, KeyRecord, KeySet, Purpose
from tests.cli.conftest import Program
from tests.cli.loopback import Loopback, Told, loopback

REVIEW = {
    "vendor": "Score House",
    "points": 9,
    "of": 32,
    "answers": {"exit": {"met": "no", "note": ""}, "performance": {"met": "yes", "note": "auc\x1b[2J: pass"}},
    "pack": {"model": "credit-pd", "says": []},
}


@pytest.fixture
def keys(tmp_path: Path) -> str:
    public = FileSigner(Ed25519PrivateKey.generate()).public
    record = KeyRecord(public=public, purpose=Purpose.STATEMENT, valid_from=datetime(2026, 1, 1, tzinfo=UTC))
    place = tmp_path / "keys.json"
    place.write_text(json.dumps(KeySet((record,)).as_json()))
    return str(place)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setenv(talking.TOKEN, "cs_" + "t" * 43)
    monkeypatch.setattr(talking, "RETRIES", ())
    with loopback(lambda _: Told(201, REVIEW)) as found:
        monkeypatch.setenv(talking.URL, found.url)
        yield found


def test_the_score_and_each_gap_are_printed(server: Loopback, program: Program, keys: str) -> None:
    code, out, _ = program("vendor-pack", "bought pd", "7f", "--vendor", "Score House", "--keys", keys)
    assert (code, out.splitlines()[0]) == (
        0,
        "genuine pack of credit-pd; Score House reaches 9 of 32 points",
    )
    assert "no      exit: nothing told" in out
    assert "\x1b" not in out
    asked = server.asked[0]
    assert asked.path == "/api/v1/models/bought%20pd/vendor/packs"
    assert (asked.json["document"], asked.json["keys"]["kind"]) == ("7f", "KeySet")


@pytest.mark.parametrize(("status", "code"), [(404, 1), (422, 1), (403, 4), (503, 4)])
def test_a_refusal_is_told(server: Loopback, program: Program, keys: str, status: int, code: int) -> None:
    server.answer = lambda _: Told(status, {"detail": "The pack is not taken in: it was changed."})
    found = program("vendor-pack", "m", "7f", "--vendor", "x", "--keys", keys)
    assert found[::2] == (code, "countersign: The pack is not taken in: it was changed.\n")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "KeySet", "keys": []}', "-----BEGIN"])
def test_what_is_no_key_set_sends_nothing(
    server: Loopback, program: Program, tmp_path: Path, text: str
) -> None:
    (tmp_path / "k.json").write_text(text)
    found = program("vendor-pack", "m", "7f", "--vendor", "x", "--keys", str(tmp_path / "k.json"))
    assert found[0] == 4
    assert not server.asked
