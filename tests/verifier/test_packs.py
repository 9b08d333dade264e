"""Packs that the service makes, verified by both verifiers; and the one inside, alone on a bare machine."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from apps.audit.anchors import anchor_file
from apps.audit.errors import Forbidden, Refused
from apps.audit.models import Event, Statement
from apps.audit.queries import keys
from apps.cli.main import main as program
from apps.reports.commands.packing import make_pack
from apps.reports.packs_scope import PackScope, paths_to_model
from tests.standing import Standing
from tests.verifier.both import verifier
from tests.verifier.sequencing import sequence, sequenced_now

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sequenced(world: Standing) -> Iterator[Standing]:
    """The bank with a sequenced log; its file of checkpoints goes as the transaction does."""
    sequenced_now()
    yield world
    anchor_file().path.unlink()


def packed(world: Standing, folder: Path, role: str = "auditor", **scope: object) -> Path:
    made = make_pack(by=world.people[role], scope=PackScope(**scope))
    place = folder / made.name
    with made.file:
        place.write_bytes(made.file.read())
    (folder / "keys.json").write_text(json.dumps(keys().as_json()))
    return place


def both(place: Path) -> tuple[int, int]:
    words = ["--keys", str(place.parent / "keys.json")]
    return verifier([str(place), *words]), program(["verify", str(place), *words])


@pytest.mark.slow
def test_a_pack_of_each_scope_is_genuine_to_both(sequenced: Standing, tmp_path: Path) -> None:
    model = sequenced.granted.version.model
    now = timezone.now()
    for scope in ({"model": model}, {}, {"since": now - timedelta(days=1), "until": now}):
        assert both(packed(sequenced, tmp_path, **scope)) == (0, 0), scope


def test_who_exported_what_is_an_event(sequenced: Standing, tmp_path: Path) -> None:
    packed(sequenced, tmp_path, model=sequenced.granted.version.model)
    event = Event.objects.get(action="export.made")
    assert event.actor_id == str(sequenced.people["auditor"].pk)
    assert event.doc["object"]["name"] == "auditor pack, model credit-pd"
    said = json.loads(bytes(Statement.objects.get(event=event).payload))["predicate"]
    assert said["scope"] == {"kind": "model", "model": "credit-pd"}
    assert said["counts"]["statements"] > 5


def test_the_command_writes_a_pack_that_nobody_else_may_read(sequenced: Standing, tmp_path: Path) -> None:
    out, told = (
        io.StringIO(),
        {"by": "a-auditor", "out": tmp_path, "model": "card-limit", "stderr": io.StringIO()},
    )
    call_command("auditor_pack", stdout=out, **told)
    (place,) = tmp_path.glob("auditor-pack-*.zip")
    assert place.stat().st_mode & 0o777 == 0o600
    assert f"{place}: " in out.getvalue()
    (tmp_path / "keys.json").write_text(json.dumps(keys().as_json()))
    assert both(place) == (0, 0)
    for wrong in ({"by": "nobody"}, {"by": "dev"}, {"since": "2026-01-01"}, {"out": place, "model": ""}):
        with pytest.raises(CommandError):
            call_command("auditor_pack", **{**told, **wrong})
    assert list(tmp_path.glob("auditor-pack-*.zip")) == [place]


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        ({"model": "card-limit", "since": "2026-01-01"}, "of a model or of a time, not of both"),
        ({"model": "card-limit", "since": "2026-01-01", "until": "2026-12-31"}, "not of both"),
        ({"model": "card-limit", "until": "soon"}, "is no day"),
        ({"since": "2026-01-01"}, "both a first and a last day"),
    ],
)
def test_days_that_would_count_for_nothing_are_refused(
    world: Standing, tmp_path: Path, days: dict[str, str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("auditor_pack", by="a-auditor", out=tmp_path, **days)


@pytest.mark.parametrize("role", ["developer", "administrator", "elsewhere", "risk-officer"])
def test_nobody_else_packs(sequenced: Standing, tmp_path: Path, role: str) -> None:
    with pytest.raises(Forbidden):
        packed(sequenced, tmp_path, role)


def test_without_a_checkpoint_there_is_nothing_to_prove(world: Standing, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No checkpoint is signed yet"):
        packed(world, tmp_path)


def test_a_pack_that_is_too_large_names_the_command(sequenced: Standing) -> None:
    with pytest.raises(Refused, match=r"manage\.py auditor_pack"):
        make_pack(by=sequenced.people["auditor"], scope=PackScope(), most=3)


def test_a_model_s_pack_tells_nothing_of_other_models(sequenced: Standing, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed(sequenced, tmp_path, model=sequenced.granted.version.model)) as archive:
        read = {name: archive.read(name) for name in archive.namelist() if not name.startswith("facts/https")}
    told = {name for name, data in read.items() if b"card-limit" in data and "policy" not in name}
    assert told <= {"statements.jsonl"}
    assert sequenced.failed.statement_digest.encode() not in read["log/events.jsonl"]


def test_sign_offs_of_a_blind_review_stay_out(sequenced: Standing, tmp_path: Path) -> None:
    from tests import factories
    from tests.flows import bank

    signoff = bank.signed(sequenced.waiting, factories.validator())
    sequence()
    with zipfile.ZipFile(packed(sequenced, tmp_path)) as archive:
        told = b"".join(archive.read(name) for name in archive.namelist())
    assert signoff.statement_digest.encode() not in told


def test_every_table_that_belongs_to_a_model_is_known() -> None:
    assert {"gates.Evidence", "approvals.SignOff", "deploys.Admission", "reports.ReportSignature"} <= set(
        paths_to_model()
    )


ALONE = """
import runpy, sys
sys.path.append({libraries!r})
sys.argv = {words!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
def test_the_packed_verifier_works_alone(sequenced: Standing, tmp_path: Path) -> None:
    """A bare Python, the libraries of cryptography, an empty folder: no project, no database, no network."""
    place = packed(sequenced, tmp_path, model=sequenced.granted.version.model)
    room = tmp_path / "room"
    with zipfile.ZipFile(place) as archive:
        archive.extractall(room / "pack")
    libraries = bare_libraries(tmp_path / "libraries")
    shutil.copy(tmp_path / "keys.json", room)
    words = ["pack/verifier.pyz", "pack", "--keys", "keys.json"]
    code = ALONE.format(libraries=str(libraries), words=words)
    done = subprocess.run(
        [Path(sys.base_prefix) / "bin" / "python3", "-I", "-S", "-c", code],
        cwd=room,
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "pack: genuine auditor pack" in done.stdout


def bare_libraries(folder: Path) -> Path:
    """Links to what cryptography needs, and to nothing else."""
    import cryptography

    folder.mkdir()
    source = Path(cryptography.__file__).parents[1]
    for found in source.iterdir():
        if found.name.startswith(("cryptography", "cffi", "_cffi", "pycparser")):
            (folder / found.name).symlink_to(found)
    return folder
