"""Witnesses, time stamps and kept checkpoints: what vouches for the log from outside."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.audit.authority import Stamper, stamper
from apps.cli.main import main as program
from apps.engine.canonical import digest
from apps.engine.cosignature import Cosigner
from apps.engine.keys import FileSigner
from apps.engine.note import Checkpoint, Note, Signature, sign_checkpoint
from apps.engine.timestamp import request_of, token_of
from tests.verifier import making
from tests.verifier.both import verifier
from tests.verifier.making import AT, CHECKPOINT, ORIGIN, Making, small

WITNESS = FileSigner(Ed25519PrivateKey.from_private_bytes(b"w" * 32))
COSIGNER = Cosigner("witness.example/w1", WITNESS.public)
SEEN = 1_772_370_000


def cosign(note: bytes, *, name: str = COSIGNER.name, seconds: int = SEEN) -> bytes:
    text = Note.parse(note).text
    signature = WITNESS.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
    line = Signature(name, COSIGNER.key_id, SEEN.to_bytes(8, "big") + signature)
    return note + f"{line.line()}\n".encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Stamper:
    return stamper(tmp_path_factory.mktemp("authority"))


def stamped(authority: Stamper, data: bytes, at: datetime | None = None) -> bytes:
    raw = bytes.fromhex(digest(data).removeprefix("sha256:"))
    answer = authority.answer(request_of(raw, nonce=7), at=at or datetime.now(UTC))
    return token_of(answer, digest=raw, nonce=7)


def ask(made: Making, tmp_path: Path, *words: str) -> int:
    (tmp_path / "keys.json").write_text(json.dumps(made.keys.as_json()))
    place = made.write(tmp_path / "pack.zip")
    asked = [str(place), "--keys", str(tmp_path / "keys.json"), "--at", AT, *words]
    code = verifier(asked)
    if "--checkpoint" not in words:  # what somebody kept, only the separate program takes
        assert program(["verify", *asked]) == code
    return code


def test_without_their_keys_nothing_of_the_outside_is_called_good(tmp_path: Path, capsys) -> None:
    assert ask(small(), tmp_path) == 0
    shown = capsys.readouterr().out
    assert "witnesses    NOT CHECKED" in shown
    assert "time stamps  NOT CHECKED" in shown


def test_a_witness_is_named_with_how_far_it_saw(tmp_path: Path, capsys) -> None:
    made = small()
    made.cosign = cosign
    assert ask(made, tmp_path, "--witness-key", COSIGNER.text()) == 0
    assert "witness.example/w1 cosigned the first 20 of 20 events" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda note: note, "cosigned none of the checkpoints"),
        (lambda note: cosign(note, seconds=SEEN + 1), "The cosignature of witness.example/w1 does not hold"),
        (lambda note: cosign(note, name="witness.example/w2"), "cosigned none of the checkpoints"),
    ],
)
def test_a_witness_that_did_not_cosign_is_named(tmp_path: Path, capsys, change, sentence: str) -> None:
    made = small()
    made.cosign = change
    assert ask(made, tmp_path, "--witness-key", COSIGNER.text()) == 1
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize("key", ["", "w+00000000+AAAA", COSIGNER.text()[:-2], "x" + COSIGNER.text()])
def test_what_is_no_key_of_a_witness_is_said(tmp_path: Path, capsys, key: str) -> None:
    assert ask(small(), tmp_path, "--witness-key", key) == 4
    assert "is no key of a witness" in capsys.readouterr().out


def with_stamp(authority: Stamper, made: Making, at: datetime | None = None) -> Making:
    size = len(made.events)
    note = sign_checkpoint(Checkpoint(ORIGIN, size, made.root(size)), CHECKPOINT)
    made.files[f"checkpoints/{size:012d}.tsr"] = stamped(authority, note, at)
    return made


def pinned(authority: Stamper, tmp_path: Path) -> list[str]:
    (tmp_path / "tsa.pem").write_text(authority.pem)
    return ["--tsa-certificate", str(tmp_path / "tsa.pem")]


def test_a_time_stamp_of_the_newest_checkpoint_holds(authority: Stamper, tmp_path: Path, capsys) -> None:
    made = with_stamp(authority, small())
    made.cosign = cosign  # stamped as the log signed it, whoever cosigned since
    key = max(made.payloads)
    made.files[f"stamps/{key.removeprefix('sha256:')}.tsr"] = stamped(authority, made.payloads[key])
    assert ask(made, tmp_path, *pinned(authority, tmp_path)) == 0
    assert "1 of checkpoints and 1 of statements hold; the newest: 20 events at" in capsys.readouterr().out


def test_a_time_stamp_of_something_else_is_named(authority: Stamper, tmp_path: Path, capsys) -> None:
    made = small()
    made.files["checkpoints/000000000020.tsr"] = stamped(authority, b"something else")
    assert ask(made, tmp_path, *pinned(authority, tmp_path)) == 1
    assert "checkpoints/000000000020.tsr: The time stamp is of something else" in capsys.readouterr().out


def test_a_time_stamp_of_an_authority_that_nobody_trusts_is_refused(
    authority: Stamper, tmp_path: Path, capsys
) -> None:
    made = with_stamp(stamper(tmp_path / "other"), small())
    assert ask(made, tmp_path, *pinned(authority, tmp_path)) == 1
    assert "not under a certificate that was given" in capsys.readouterr().out


def test_a_time_outside_the_certificate_is_refused(authority: Stamper, tmp_path: Path, capsys) -> None:
    made = with_stamp(authority, small(), at=datetime.now(UTC) - timedelta(days=36_500))
    assert ask(made, tmp_path, *pinned(authority, tmp_path)) == 1
    assert "not under a certificate" in capsys.readouterr().out


def test_every_changed_byte_of_a_time_stamp_is_refused(authority: Stamper, tmp_path: Path, capsys) -> None:
    from countersign_verify import stamps
    from countersign_verify.faults import Wrong

    pinned_to = stamps.read_certificates(authority.pem.encode(), "tsa")
    token = stamped(authority, b"it")
    known = [bytes.fromhex(digest(b"it").removeprefix("sha256:"))]
    whole = stamps.verify(token, known, pinned_to)
    passed = []
    for place in range(0, len(token), 3):
        changed = bytearray(token)
        changed[place] ^= 1
        try:
            passed.append((place, stamps.verify(bytes(changed), known, pinned_to)))
        except Wrong:
            continue
    assert {at for _, at in passed} <= {whole}, passed  # only what nothing rests on, such as a version


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    made = small()
    (tmp_path / "kept.note").write_bytes(sign_checkpoint(Checkpoint(ORIGIN, 9, made.root(9)), CHECKPOINT))
    return tmp_path / "kept.note"


def test_the_log_still_holds_what_a_kept_checkpoint_held(tmp_path: Path, kept: Path, capsys) -> None:
    assert ask(small(), tmp_path, "--checkpoint", str(kept)) == 0
    rewritten = small()
    rewritten.events[8] = making.event(8, reason="It was always so.")
    assert ask(rewritten, tmp_path, "--checkpoint", str(kept)) == 1
    assert "The first 9 events are not those of the checkpoint that you kept" in capsys.readouterr().out


@pytest.mark.parametrize(("size", "code"), [(3, 0), (5, 0), (20, 0), (7, 1), (21, 1)])
def test_a_kept_checkpoint_of_any_size_that_the_pack_tells(
    tmp_path: Path, capsys, size: int, code: int
) -> None:
    made = small()
    note = sign_checkpoint(Checkpoint(ORIGIN, size, made.root(size)), CHECKPOINT)
    (tmp_path / "kept.note").write_bytes(note)
    assert ask(made, tmp_path, "--checkpoint", str(tmp_path / "kept.note")) == code
    assert ("does not tell the root of" in capsys.readouterr().out) == bool(code)
