"""Packs that somebody changed: both verifiers refuse, and name the file."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.cli.main import main as program
from apps.engine.canonical import canonical, digest
from apps.engine.keys import KeyRecord, KeySet, Purpose
from tests.verifier import making
from tests.verifier.both import verifier
from tests.verifier.making import AT, Making, small

Change = Callable[[Making], object]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genuine pack as a folder, beside its keys."""
    folder = tmp_path_factory.mktemp("sound")
    made = small()
    with zipfile.ZipFile(made.write(folder / "pack.zip")) as archive:
        archive.extractall(folder / "pack")
    (folder / "keys.json").write_text(json.dumps(made.keys.as_json()))
    return folder


def asked(place: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, int, str, str]:
    words = [str(place), "--keys", str(keys), "--at", AT]
    capsys.readouterr()
    one = verifier(words)
    first = capsys.readouterr().out
    other = program(["verify", *words])
    return one, other, first, capsys.readouterr().out


def refused(made: Making, tmp_path: Path, capsys: pytest.CaptureFixture[str], sentence: str) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(made.keys.as_json()))
    one, other, first, second = asked(made.write(tmp_path / "pack.zip"), keys, capsys)
    assert (one, other) == (1, 1), (first, second)
    assert sentence in first
    assert "Traceback" not in first + second


def files_of(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_genuine_pack_is_genuine_as_archive_and_as_folder(sound: Path, capsys) -> None:
    for name in ("pack", "pack.zip"):
        one, other, _, _ = asked(sound / name, sound / "keys.json", capsys)
        assert (one, other) == (0, 0)


@pytest.mark.parametrize("way", ["changed", "removed", "emptied", "grown"])
def test_whatever_is_done_to_a_file_both_name_it(sound: Path, tmp_path: Path, capsys, way: str) -> None:
    for name in files_of(sound / "pack"):
        copy = tmp_path / way / name.replace("/", "_")
        shutil.copytree(sound / "pack", copy)
        spoil(copy / name, way)
        one, other, first, second = asked(copy, sound / "keys.json", capsys)
        assert (one, other) == (1, 1), name
        assert name in first, first
        assert name in second, second


def spoil(place: Path, way: str) -> None:
    data = place.read_bytes()
    if way == "removed":
        place.unlink()
    elif way == "emptied":
        place.write_bytes(b"")
    elif way == "grown":
        place.write_bytes(data + b"\n")
    else:
        place.write_bytes(
            data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
        )


def test_a_file_too_many_is_named(sound: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(sound / "pack", tmp_path / "pack")
    (tmp_path / "pack" / "reports" / "better.pdf").write_bytes(b"%PDF-1.7\n")
    one, other, first, second = asked(tmp_path / "pack", sound / "keys.json", capsys)
    assert (one, other) == (1, 1)
    assert "reports/better.pdf" in first
    assert "reports/better.pdf" in second


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_flipped_bits_of_the_archive_never_divide_the_two(sound: Path, capsys, place: int, bit: int) -> None:
    data = bytearray((sound / "pack.zip").read_bytes())
    data[place % len(data)] ^= 1 << bit
    (sound / "flipped.zip").write_bytes(bytes(data))
    one, other, first, second = asked(sound / "flipped.zip", sound / "keys.json", capsys)
    assert bool(one) == bool(other), (first, second)
    assert "Traceback" not in first + second


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_pack_sealed_anew_over_changed_bytes_divides_nobody(tmp_path: Path, capsys, data) -> None:
    """Whoever holds the statement key can seal any files: the log and the statements still have to fit."""
    made = small()
    index = data.draw(st.integers(0, len(made.events) - 1))
    body = bytearray(made.events[index])
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    roots = {size: made.root(size) for size in (*made.cuts, len(made.events))}
    made.root = roots.__getitem__  # type: ignore[method-assign]
    made.events[index] = bytes(body)
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(made.keys.as_json()))
    one, other, first, second = asked(made.write(tmp_path / "pack.zip"), keys, capsys)
    assert (one, other) == (1, 1), (first, second)


def drop(made: Making) -> None:
    made.disclosed.remove(2)


def unsealed(made: Making) -> None:
    made.envelopes.pop(min(made.envelopes))


def told_twice(made: Making) -> None:
    made.files["facts/again.jsonl"] = next(iter(made.payloads.values())) + b"\n"


def dangling(made: Making) -> None:
    made.say("waiver/v1", decision=digest(b"nobody knows"))


def sealed_elsewhere(made: Making) -> None:
    made.tell(action="decision.sealed", after={"statement": digest(b"?")}, object={"type": "x", "id": "1"})


def older_report(made: Making) -> None:
    made.files["reports/r-1.pdf"] = b"%PDF-1.7\nunsigned\n"


def strange_report(made: Making) -> None:
    made.files["reports/r-2.pdf"] = b"%PDF-1.7\nnobody made this\n"


def other_sealer(made: Making) -> None:
    made.sealer = making.OTHER


def other_log(made: Making) -> None:
    made.logger = making.OTHER


def checkpoint_key_seals(made: Making) -> None:
    made.sealer = making.CHECKPOINT


def retired(made: Making) -> None:
    made.keys = making.key_set(valid_to=making.NOW - timedelta(days=1))


def not_yet(made: Making) -> None:
    begin = making.NOW + timedelta(hours=2)
    key = KeyRecord(public=making.STATEMENT.public, purpose=Purpose.STATEMENT, valid_from=begin)
    made.keys = KeySet((key, *made.keys.records[1:]))


def log_key_revoked(made: Making) -> None:
    key = making.record(making.CHECKPOINT, Purpose.CHECKPOINT, revoked_at=making.NOW)
    made.keys = KeySet((made.keys.records[0], key))


def altered_envelope(made: Making) -> None:
    key = max(made.envelopes)
    made.envelopes[key] = making.changed_envelope(made, key)


def no_canonical_event(made: Making) -> None:
    made.events[3] = json.dumps(json.loads(made.events[3])).encode()


def no_actor(made: Making) -> None:
    made.events[3] = canonical(
        {"v": 2, "id": "x", "ts": "x", "action": "x", "object": {"id": "1", "type": "m"}}
    )


def no_checkpoint_of(made: Making) -> None:
    made.files["checkpoints/000000000007.note"] = b"countersign.example/audit/1\n"


FORGERIES: dict[str, tuple[Change, str]] = {
    "a statement without its line": (unsealed, "facts/all.jsonl, 1: It is not what any statement"),
    "a fact told twice": (told_twice, "It is not what any statement of the pack says"),
    "a waiver of a decision that is not there": (dangling, "statements.jsonl, "),
    "an event of a statement that is not there": (sealed_elsewhere, "log/events.jsonl, 20: It seals"),
    "the report before its signature": (older_report, "A later signature was cut off"),
    "a report that nobody made": (strange_report, "reports/r-2.pdf: No event of the pack"),
    "sealed by somebody else": (other_sealer, "manifest.dsse.json: No trusted key"),
    "a log of somebody else": (other_log, "checkpoints/000000000009.note: "),
    "sealed with the key of the log": (checkpoint_key_seals, "manifest.dsse.json: No trusted key"),
    "signed after the key was retired": (retired, "was retired"),
    "signed before the key was valid": (not_yet, "manifest.dsse.json: The statement was signed"),
    "the log's key was revoked": (log_key_revoked, "checkpoints/000000000020.note: "),
    "an envelope around other words": (altered_envelope, "statements.jsonl, 4: "),
    "an event in another spelling": (no_canonical_event, "log/events.jsonl, 3: "),
    "an event of nobody": (no_actor, "log/events.jsonl, 3: "),
    "a checkpoint that is none": (no_checkpoint_of, "checkpoints/000000000007.note: "),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_that_somebody_sealed_is_named(tmp_path: Path, capsys, name: str) -> None:
    change, sentence = FORGERIES[name]
    made = small()
    change(made)
    refused(made, tmp_path, capsys, sentence)


def test_keys_that_the_pack_brings_along_prove_nothing(tmp_path: Path, capsys) -> None:
    """A pack that somebody made from nothing fits itself, and is refused without keys from elsewhere."""
    place = str(small().write(tmp_path / "pack.zip"))
    assert verifier([place, "--at", AT]) == program(["verify", place, "--at", AT]) == 1
    assert "give --keys" in capsys.readouterr().out
    words = [place, "--at", AT, "--trust-embedded"]
    assert verifier(words) == program(["verify", *words]) == 0
    assert "NOT PINNED" in capsys.readouterr().out


def test_under_a_revoked_key_only_what_the_log_held_before_counts(tmp_path: Path, capsys) -> None:
    made = small()
    end = making.NOW + timedelta(hours=2)
    made.keys = making.key_set(revoked_at=end)
    refused(made, tmp_path, capsys, "manifest.dsse.json: The key that signed the pack was revoked")
    fresh = making.record(making.OTHER, Purpose.STATEMENT)
    made.keys, made.sealer = KeySet((*made.keys.records, fresh)), making.OTHER
    refused(made, tmp_path, capsys, "nothing shows that it came before")
    made.tell(action="key.revoked", object={"type": "key", "id": making.STATEMENT.key_id})
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(made.keys.as_json()))
    assert asked(made.write(tmp_path / "pack.zip"), keys, capsys)[:2] == (0, 0)
    made.say("decision/v1", outcome="pass", late=True)
    refused(made, tmp_path, capsys, "nothing shows that it came before")


def test_an_index_left_out_is_named(tmp_path: Path, capsys) -> None:
    made = small()
    whole = made.node
    made.node = lambda level, index: whole(level, index)  # type: ignore[method-assign]
    place = made.write(tmp_path / "pack.zip")
    with zipfile.ZipFile(place) as archive:
        lines = archive.read("log/tree.jsonl").splitlines()
    assert json.loads(lines[0]) == {"from": 0, "events": 5}
    assert sum(1 << json.loads(line).get("level", 0) for line in lines[1:] if b"hash" in line) == 9


@pytest.mark.parametrize("words", [[], ["a", "b"], ["--no-such"]])
def test_a_command_line_that_cannot_be_understood_ends_with_2(words: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        verifier(words)
    assert ended.value.code == 2


@pytest.mark.parametrize("name", ["absent", "a\0b", "x" * 5000])
def test_what_cannot_be_read_could_not_be_verified(tmp_path: Path, capsys, name: str) -> None:
    assert verifier([str(tmp_path / name)]) == 4
    assert "cannot be read" in capsys.readouterr().out
