"""The main job over HTTP and the program, against the real web, workers, relay, sequencer and broker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from apps.access import commands as access
from apps.access.models import Person
from apps.approvals.models import Approval
from apps.audit.models import Event
from apps.gates import commands as gates
from apps.gates.models import Decision, Run
from apps.gates.states import ENDED, RunState
from apps.inventory import commands as inventory
from apps.inventory.models import ModelVersion
from apps.reports.models import Report
from countersign.client import Countersign, RefusedByServer, Unreachable
from tests import factories
from tests.flows import bank
from tests.flows.browser import Browser
from tests.flows.program import PROJECT, Program
from tests.stack import LiveStack

pytestmark = pytest.mark.slow

MODELS = PROJECT / "fixtures" / "models"
PASSWORD = "eleven quiet lighthouses"
REAL_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]


@dataclass(frozen=True, slots=True)
class World:
    """The stack, and who uses it how."""

    stack: LiveStack
    developer: Program
    pipeline: Program

    def browser(self, username: str) -> Browser:
        browser = Browser(self.stack.address)
        assert browser.sign_in(username, PASSWORD).status == 200
        return browser

    def read(self, path: str) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the stack's own address
            f"{self.stack.address}/api/v1{path}",
            headers={"Authorization": f"Bearer {self.developer.token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def world(bank_stack: LiveStack) -> World:
    with override_settings(PASSWORD_HASHERS=REAL_HASHERS):
        made = {
            name: factories.person(name, role, password=PASSWORD)
            for name, role in (("dana", "developer"), ("vera", "validator"), ("rob", "risk-officer"))
        }
    factories.unit("health-insurance")
    pipeline = factories.service()
    admin = factories.person("token-admin", "administrator")
    return World(
        bank_stack,
        Program(bank_stack.address, _token(made["dana"], made["dana"])),
        Program(bank_stack.address, _token(admin, pipeline)),
    )


def _token(by: Person, person: Person) -> str:
    building = ("model.see", "version.register", "run.request", "evidence.see", "model.register")
    scopes = ("admission.ask", "model.see") if person.is_service else building
    return access.issue_token(by=by, person=person, name="for a test", scopes=scopes)[1]


def ask(world: World, *more: str) -> tuple[int, str]:
    words = ("gate", "check", "--model", "breast-triage", "--version", "1", "--environment", "production")
    done = world.pipeline(*words, *more)
    return done.code, done.out


def test_from_a_file_to_a_signed_yes(world: World, tmp_path: Path) -> None:
    version = registered(world)
    assert ask(world)[0] == 1, "nothing is decided yet"
    seen = measured(world)
    assert seen[-1] == ("decided", "pass")
    approval = reviewed(world, version)
    code, answer = ask(world, "--digest", str(version.artifact_id), "--format", "json")
    assert code == 0, answer
    verified_offline(world, answer, tmp_path)
    signed_report(world, approval, tmp_path)
    refused(world)


def registered(world: World) -> ModelVersion:
    done = world.developer("register", MODELS / "breast-triage-1" / "model.yaml")
    assert done.code == 0, done.said
    version = ModelVersion.objects.get(model__key="breast-triage")
    assert version.digest in done.out
    inventory.assign_tier(by=factories.head(), model=version.model, tier=2, rationale="A physician looks.")
    return version


def measured(world: World) -> list[tuple[str, str]]:
    """What a reader of the run's address sees, one entry for each change."""
    done = world.developer("submit", "breast-triage@1", "--no-wait")
    assert done.code == 0, done.said
    seen: list[tuple[str, str]] = []
    done_gates: list[int] = []

    def ended() -> bool:
        run = world.read(f"/runs/{done.out.strip()}")
        seen.append((run["state"], (run["decision"] or {}).get("outcome", "")))
        done_gates.append(run["gates_done"])
        return run["state"] in ("decided", "errored", "dead")

    world.stack.until(ended)
    assert done_gates == sorted(done_gates)
    assert done_gates[-1] == run_gates(done.out.strip())
    return seen


def run_gates(run_id: str) -> int:
    return Run.objects.get(pk=run_id).gates_total


def reviewed(world: World, version: ModelVersion) -> Approval:
    """Submitted by the developer, signed by two people at their browsers."""
    record = "/models/breast-triage/versions/1"
    page = world.browser("dana").submit(f"{record}/submit", f"{record}/submit")
    assert page.status == 200
    approval = Approval.objects.get(version=version)
    path = f"/reviews/{approval.pk}"
    for name in ("vera", "rob"):
        browser = world.browser(name)
        assert browser.post(f"{path}/sign", meaning="approve", reason="ok").status == 403, "no CSRF token"
        browser.submit("/reauthenticate", "/reauthenticate", password=PASSWORD)
        page = browser.submit(path, f"{path}/sign", meaning="approve", reason="I read every gate.")
        assert page.status == 200, page.text[:2000]
    approval.refresh_from_db()
    assert approval.state == "granted"
    return approval


def key_file(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(world.read("/keys")))
    return path


def verified_offline(world: World, answer: str, tmp_path: Path) -> None:
    keys, statement = key_file(world, tmp_path), tmp_path / "statement.json"
    envelope = json.loads(answer)["statement"]
    statement.write_text(json.dumps(envelope))
    artifact = MODELS / "breast-triage-1" / "model.skops"
    words = ("--keys", keys, "--environment", "production", "--artifact", artifact, "--allowed")
    offline = Program("http://127.0.0.1:9", "none")
    assert offline("verify", statement, *words).code == 0
    changed = envelope["payload"].replace("A", "B", 1)
    statement.write_text(json.dumps({**envelope, "payload": changed}))
    assert offline("verify", statement, *words).code == 1


def signed_report(world: World, approval: Approval, tmp_path: Path) -> None:
    """Made by a worker that the relay told; signed at the browser; a changed byte is refused."""
    world.stack.until(lambda: Report.objects.filter(approval=approval).exists())
    report = Report.objects.get(approval=approval)
    path = f"/reports/{report.pk}"
    page = world.browser("vera").submit(path, f"{path}/sign", meaning="validated")
    assert page.status == 200, page.text[:2000]
    pdf, keys = tmp_path / "report.pdf", key_file(world, tmp_path)
    pdf.write_bytes(world.browser("rob").open(f"{path}/file.pdf").body)
    offline = Program("http://127.0.0.1:9", "none")
    done = offline("verify", pdf, "--keys", keys, "--signer", "Vera")
    assert done.code == 0, done.out + done.said
    assert_poppler_agrees(pdf)
    data = bytearray(pdf.read_bytes())
    data[len(data) // 3] ^= 1
    pdf.write_bytes(data)
    assert offline("verify", pdf, "--keys", keys, "--signer", "Vera").code == 1


def assert_poppler_agrees(pdf: Path) -> None:
    if shutil.which("pdfsig") is None:
        return
    done = subprocess.run(["pdfsig", str(pdf)], capture_output=True, text=True, check=False)
    assert "Signature is Valid" in done.stdout, done.stdout


def refused(world: World) -> None:
    """What is no yes: with a sentence, and the documented exit code."""
    assert ask(world, "--digest", "sha256:" + "0" * 64)[0] == 1
    done = world.pipeline(
        "gate", "check", "--model", "no-such", "--version", "1", "--environment", "production"
    )
    assert (done.code, "no-such@1 is not registered" in done.out) == (1, True)
    other = MODELS / "credit-pd-1" / "model.yaml"
    factories.unit("retail-banking")
    done = world.developer("register", other)
    assert done.code == 1
    assert "credit-pd@1" in done.said
    wrong = Program(world.stack.address, "cs_wrong")
    done = wrong("gate", "check", "--model", "m", "--version", "1", "--environment", "e")
    assert (done.code, "token" in done.said) == (4, True)


def test_a_program_in_python_asks_the_same(world: World, tmp_path: Path) -> None:
    """After the flow above: the version is there, measured and signed for."""
    builder = Countersign(world.stack.address, world.developer.token)
    asker = Countersign(world.stack.address, world.pipeline.token)
    folder = MODELS / "breast-triage-1"

    version = builder.version("breast-triage", "1")
    assert [m.key for m in builder.models(q="breast")] == ["breast-triage"]
    assert builder.model("breast-triage").tier == 2
    answer = asker.admit("breast-triage", "1", environment="production", artifact=folder / "model.skops")
    assert (answer.outcome, answer.allows()) == ("allow", True)
    assert not answer.allows(at=answer.expires_at)
    assert asker.admission(answer.id) == answer
    other = asker.admit("breast-triage", "1", environment="production", artifact=folder / "holdout.csv")
    assert (other.outcome, other.allows()) == ("deny", False)
    assert any("is registered with sha256:" in reason for reason in other.reasons), other.reasons
    run = builder.wait(builder.request_run("breast-triage", "1"), seconds=60)
    assert (run.state, run.outcome, run.cause) == ("decided", "pass", "")
    gates = builder.decision(str(run.decision)).gates
    assert len(gates) == run.gates_total
    assert all(gate.why for gate in gates)
    assert builder.register(folder / "model.yaml") == version
    with pytest.raises(RefusedByServer, match="does not carry") as no:
        asker.request_run("breast-triage", "1")
    assert no.value.status == 403


def test_a_program_in_python_learns_that_nobody_answers() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        Countersign("http://127.0.0.1:9", "cs_any").model("credit-pd")


def test_a_killed_worker_loses_no_run_and_doubles_none(world: World) -> None:
    """Three runs, and kill -9 of the process that works on one of them."""
    runs = [requested(label) for label in ("11", "12", "13")]
    victim = kill_worker_of_one(world.stack, runs)

    world.stack.until(lambda: all(row(run).state in ENDED for run in runs))

    ended = [row(run) for run in runs]
    assert {r.state for r in ended} == {RunState.DECIDED}, [r.cause for r in ended]
    assert {r.pk: r.lost for r in ended} == {r.pk: int(r.pk == victim.pk) for r in ended}
    assert {r.attempt for r in ended} == {0}
    assert Decision.objects.filter(run__in=runs).count() == 3
    assert Event.objects.filter(action="run.decided", object_id__in=[str(r.pk) for r in runs]).count() == 3


def requested(label: str) -> Run:
    made = bank.version(label=label)
    return gates.request_run(by=factories.developer(), version=made, use=bank.use_of(made))


def row(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def kill_worker_of_one(stack: LiveStack, runs: list[Run]) -> Run:
    """The process that measures is no child of ours, only of its worker."""
    running = Run.objects.filter(pk__in=[r.pk for r in runs], state=RunState.RUNNING)
    stack.until(running.exists)
    victim = running.latest("started_at")
    os.kill(int(victim.owner.rpartition(":")[2]), signal.SIGKILL)
    return victim


def test_what_was_measured_is_in_the_log(world: World) -> None:
    """Every event gets its place in the signed log within seconds."""
    world.developer("submit", "credit-pd@1", "--no-wait")
    event = Event.objects.filter(action="run.requested").latest("occurred_at")
    deadline = time.monotonic() + 20
    while (place := world_proof(event)) is None and time.monotonic() < deadline:
        time.sleep(0.2)
    assert place is not None, world.stack.last_words()


def world_proof(event: Event) -> object:
    from apps.audit.queries import inclusion

    return inclusion(event.pk)


def test_a_server_that_is_down_allows_nothing() -> None:
    nowhere = Program("http://127.0.0.1:9", "cs_any")
    done = nowhere("gate", "check", "--model", "m", "--version", "1", "--environment", "e")
    assert done.code == 4
    assert "127.0.0.1:9" in done.said
