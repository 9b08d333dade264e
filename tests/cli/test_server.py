"""The commands that talk to a server, against a small one on the loopback: exit codes, words, repetition."""

from __future__ import annotations

import hashlib
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.cli import client as talking
from apps.cli import server as commands
from tests.cli.conftest import Program
from tests.cli.loopback import Answerer, Asked, Loopback, Told, loopback

VENDOR = Path(__file__).resolve().parents[2] / "policies" / "vendor-model"
TOKEN = "cs_" + "t" * 43
CHECK = ("gate", "check", "--model", "credit-pd", "--version", "1", "--environment", "production")


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server and no workflow of whoever runs the tests; no long pauses."""
    for name in (
        talking.URL,
        talking.TOKEN_FILE,
        talking.AUDIENCE,
        "COUNTERSIGN_ID_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "GITHUB_ACTIONS",
        "GITHUB_OUTPUT",
        "GITHUB_STEP_SUMMARY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(talking.TOKEN, TOKEN)
    monkeypatch.setattr(talking, "RETRIES", (0.01, 0.01))
    monkeypatch.setattr(commands, "PAUSE", 0.01)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with loopback(lambda _: Told(500)) as found:
        monkeypatch.setenv(talking.URL, found.url)
        yield found


def admission(outcome: str, *reasons: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {
        "id": "11111111-2222-3333-4444-555555555555",
        "request": {"model": "credit-pd", "version": "1", "environment": "production"},
        "outcome": outcome,
        "allowed": outcome.startswith("allow"),
        "reasons": [{"code": code, "message": message, "subject": ""} for code, message in reasons],
        "limits": {},
        "expires_at": None,
        **more,
    }


def problem(status: int, detail: str) -> Told:
    return Told(status, {"status": status, "detail": detail})


def always(told: Told | None) -> Answerer:
    return lambda _: told


def in_turn(*answers: Told | None) -> Answerer:
    waiting = list(answers)
    return lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]


DENIED = admission("deny", ("open_finding", "A critical finding is open."))


# Exit codes of the deploy gate ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("allow", 0), ("allow_with_limits", 0), ("deny", 1), ("pending", 3), ("error", 4)],
)
def test_the_answer_is_the_exit_code(server: Loopback, program: Program, outcome: str, code: int) -> None:
    server.answer = always(Told(200, admission(outcome)))

    found = program(*CHECK)

    assert found[0] == code
    assert found[1].startswith(f"credit-pd@1 in production: {outcome}")
    asked = server.asked[0]
    assert asked.path == "/api/v1/admissions"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["idempotency-key"]


def test_an_answer_that_says_allowed_without_an_outcome_is_not_believed(
    server: Loopback, program: Program
) -> None:
    server.answer = always(Told(200, admission("deny") | {"allowed": True}))

    assert program(*CHECK)[0] == 1


@pytest.mark.parametrize("status", [401, 403, 404, 422, 500])
def test_a_refusal_is_told_and_is_no_answer(server: Loopback, program: Program, status: int) -> None:
    server.answer = always(problem(status, "The token is wrong, expired or revoked."))

    code, out, err = program(*CHECK)

    assert (code, out) == (4, "")
    assert err == "countersign: not allowed. The token is wrong, expired or revoked.\n"
    assert TOKEN not in out + err


@pytest.mark.parametrize(
    "told",
    [
        Told(200, b"<html>a proxy</html>"),
        Told(200, b""),
        Told(302, {}, {"Location": "http://127.0.0.1:1/"}),
        None,
    ],
)
def test_what_is_no_answer_could_not_be_decided(
    server: Loopback, program: Program, told: Told | None
) -> None:
    server.answer = always(told)

    code, out, err = program(*CHECK)

    assert (code, out) == (4, "")
    assert err.startswith("countersign: ")
    assert "Traceback" not in err


def test_a_server_that_is_down_could_not_be_asked(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(talking.URL, "http://127.0.0.1:1")

    code, _, err = program(*CHECK)

    assert code == 4
    assert "http://127.0.0.1:1/api/v1 gave no answer: " in err


@pytest.mark.parametrize("address", ["", "ftp://x", "example", "http://"])
def test_a_missing_server_is_a_matter_of_usage(
    program: Program, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv(talking.URL, address)

    code, _, err = program(*CHECK)

    assert code == 2
    assert "COUNTERSIGN_URL" in err


def test_a_missing_token_is_a_matter_of_usage(
    server: Loopback, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(talking.TOKEN)
    assert program(*CHECK)[0] == 2

    monkeypatch.setenv(talking.TOKEN_FILE, str(tmp_path / "missing"))
    code, _, err = program(*CHECK)
    assert (code, "cannot be read" in err) == (2, True)
    assert server.asked == []


def test_a_token_may_stand_in_a_file(
    server: Loopback, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("cs_file\n")
    monkeypatch.delenv(talking.TOKEN)
    monkeypatch.setenv(talking.TOKEN_FILE, str(tmp_path / "token"))
    server.answer = always(Told(200, admission("allow")))

    assert program(*CHECK)[0] == 0
    assert server.asked[0].headers["authorization"] == "Bearer cs_file"


@pytest.mark.parametrize("words", [("--wait", "ten"), ("--format", "html"), ("--token", "x")])
def test_wrong_words_are_a_matter_of_usage(
    server: Loopback, program: Program, words: tuple[str, ...]
) -> None:
    assert program(*CHECK, *words)[0] == 2


# Waiting and repeating -----------------------------------------------------------------------------------


def test_a_busy_server_is_asked_again_under_the_same_key(server: Loopback, program: Program) -> None:
    server.answer = in_turn(problem(503, "Busy."), problem(429, "Busy."), Told(200, admission("allow")))

    assert program(*CHECK)[0] == 0
    assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 1
    assert len(server.asked) == 3


def test_a_pending_answer_is_awaited(server: Loopback, program: Program) -> None:
    pending = Told(200, admission("pending"))
    server.answer = in_turn(pending, pending, pending, Told(200, admission("allow")))

    assert program(*CHECK, "--wait", "10s")[0] == 0
    assert server.paths("GET")[0].startswith(f"/api/v1/admissions/{admission('x')['id']}?wait=")


def test_patience_ends(server: Loopback, program: Program) -> None:
    server.answer = always(Told(200, admission("pending")))

    assert program(*CHECK, "--wait", "1s")[0] == 3


def test_the_server_says_how_long_to_wait(
    server: Loopback, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(talking.time, "sleep", pauses.append)
    busy = Told(429, {"detail": "Busy."}, {"Retry-After": "7"})
    server.answer = in_turn(busy, Told(500, {}), Told(200, admission("allow")))

    assert program(*CHECK)[0] == 0
    assert pauses == [7.0, 0.01]


def test_whoever_says_come_back_tomorrow_is_not_waited_for(server: Loopback, program: Program) -> None:
    server.answer = always(Told(503, {"detail": "Closed."}, {"Retry-After": "86400"}))

    assert program(*CHECK)[0] == 4
    assert len(server.asked) == 1


# The identity of a pipeline ------------------------------------------------------------------------------


def test_a_job_of_github_asks_with_a_new_token_each_time(
    server: Loopback, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []

    def answer(asked: Asked) -> Told:
        if asked.path.startswith("/token?"):
            assert asked.headers["authorization"] == "bearer of-the-job"
            given.append(asked.path)
            return Told(200, {"value": f"a.b.{len(given)}"})
        return Told(
            200, admission("allow" if asked.headers["authorization"] == "Bearer a.b.2" else "pending")
        )

    monkeypatch.delenv(talking.TOKEN)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{server.url}/token?v=2")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")
    server.answer = answer

    assert program(*CHECK, "--wait", "10s")[0] == 0
    assert given[0] == f"/token?v=2&audience=http%3A%2F%2F127.0.0.1%3A{server.url.rpartition(':')[2]}"


@pytest.mark.parametrize("told", [Told(500), Told(200, {}), Told(200, {"value": "a b"}), None])
def test_a_job_without_an_identity_is_not_allowed(
    server: Loopback, program: Program, monkeypatch: pytest.MonkeyPatch, told: Told | None
) -> None:
    monkeypatch.delenv(talking.TOKEN)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{server.url}/token?v=2")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")
    server.answer = always(told)

    code, _, err = program(*CHECK)

    assert code == 4
    assert "not allowed, for it could not be asked. GitHub Actions gave no identity token" in err


def test_a_job_of_gitlab_asks_with_the_token_that_it_was_given(
    server: Loopback, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(talking.TOKEN)
    monkeypatch.setenv("COUNTERSIGN_ID_TOKEN", "a.b.c")
    server.answer = always(Told(200, admission("allow")))

    assert program(*CHECK)[0] == 0
    assert server.asked[0].headers["authorization"] == "Bearer a.b.c"


def test_later_steps_read_what_came_of_it(
    server: Loopback, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    server.answer = always(Told(200, DENIED | {"outcome": "deny\nevil=1"}))

    assert program(*CHECK)[0] == 1
    key = DENIED["id"]
    url = f"{server.url}/admissions/{key}"
    assert (tmp_path / "outputs").read_text() == f"decision=denyevil\ndecision-id={key}\nurl={url}\n"


# Formats -------------------------------------------------------------------------------------------------


def test_the_artifact_is_named_by_its_digest(server: Loopback, program: Program, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"model")
    server.answer = always(Told(200, admission("allow")))

    program(*CHECK, "--artifact", str(tmp_path / "m.onnx"))

    assert server.asked[0].json["digest"] == "sha256:" + hashlib.sha256(b"model").hexdigest()
    code, _, err = program(*CHECK, "--artifact", str(tmp_path / "missing"))
    assert (code, "cannot be read" in err) == (4, True)


def test_json_is_the_answer_itself(server: Loopback, program: Program) -> None:
    server.answer = always(Told(200, DENIED))

    assert json.loads(program(*CHECK, "--format", "json")[1]) == DENIED


def junit(program: Program) -> ET.Element:
    return ET.fromstring(program(*CHECK, "--format", "junit")[1])  # noqa: S314 - we wrote it


def test_junit_has_a_failure_for_each_reason(server: Loopback, program: Program) -> None:
    server.answer = always(Told(200, admission("deny", ("a", "First\x07."), ("b", "Second <&>."))))

    suite = junit(program)

    assert (suite.get("tests"), suite.get("failures")) == ("2", "2")
    assert [case.find("failure").get("message") for case in suite] == ["First\\x07.", "Second <&>."]  # type: ignore[union-attr]


def test_junit_of_an_allow_is_one_passing_case_and_of_a_bare_deny_a_failing_one(
    server: Loopback, program: Program
) -> None:
    server.answer = in_turn(Told(200, admission("allow")), Told(200, admission("deny")))

    allowed = junit(program)
    denied = junit(program)

    assert (allowed.get("tests"), allowed.get("failures")) == ("1", "0")
    assert (denied.get("tests"), denied.get("failures")) == ("1", "1")


def test_sarif_has_a_result_for_each_reason(server: Loopback, program: Program, tmp_path: Path) -> None:
    server.answer = always(Told(200, DENIED))

    assert program(*CHECK, "--format", "sarif", "--out", str(tmp_path / "x.sarif"))[0] == 1

    run = json.loads((tmp_path / "x.sarif").read_text())["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["open_finding"]
    assert (run["results"][0]["level"], run["results"][0]["ruleId"]) == ("error", "open_finding")


def test_a_workflow_gets_annotations_and_a_summary(
    server: Loopback, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    server.answer = always(Told(200, admission("deny", ("a:b", "50% of it,\n::error::x | y"))))

    _, out, err = program(*CHECK, "--format", "json")

    assert json.loads(out)
    assert err == "::error title=a%3Ab::50%25 of it,%0A::error::x | y\n"
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("### credit-pd@1 in production: deny")
    assert "| a:b | 50% of it, ::error::x \\| y |" in summary


# Registering and submitting ------------------------------------------------------------------------------


def register_answers(asked: Asked) -> Told:
    if asked.method == "HEAD":
        return Told(404, b"")
    if asked.method == "PUT":
        return Told(201, {"digest": "x", "size": len(asked.body)})
    return Told(201, {"model": "credit-pd", "version": "3", "digest": "sha256:" + "1" * 64})


def test_registering_uploads_each_file_by_its_digest(
    folder: Path, server: Loopback, program: Program
) -> None:
    server.answer = register_answers

    code, out, err = program("register", "model.yaml")

    assert code == 0, err
    assert out.startswith("Registered credit-pd@3\n")
    assert "uploaded" in err
    for put in (a for a in server.asked if a.method == "PUT"):
        assert put.path == f"/api/v1/blobs/sha256:{hashlib.sha256(put.body).hexdigest()}"
    body = server.asked[-1].json
    assert body["manifest"] == (folder / "model.yaml").read_text()
    assert body["blobs"]["artifact"] in [p.rpartition("/")[2] for p in server.paths("PUT")]
    assert [a.method for a in server.asked].index("HEAD") < [a.method for a in server.asked].index("PUT")


def test_what_the_server_has_is_not_sent_again(folder: Path, server: Loopback, program: Program) -> None:
    server.answer = lambda asked: Told(200, b"") if asked.method == "HEAD" else register_answers(asked)

    code, _, err = program("register", "model.yaml")

    assert (code, server.paths("PUT")) == (0, [])
    assert "is on the server already" in err


def test_an_upload_that_breaks_off_is_sent_again(folder: Path, server: Loopback, program: Program) -> None:
    broken: list[str] = []

    def answer(asked: Asked) -> Told | None:
        if asked.method == "PUT" and asked.path not in broken:
            broken.append(asked.path)
            return None
        return register_answers(asked)

    server.answer = answer

    assert program("register", "model.yaml")[0] == 0
    assert len(server.paths("PUT")) == 2 * len(broken)


@pytest.mark.parametrize(
    ("status", "code"), [(401, 4), (403, 4), (409, 1), (422, 1), (413, 1), (500, 4), (507, 4)]
)
def test_a_refused_registration_says_why(
    folder: Path, server: Loopback, program: Program, status: int, code: int
) -> None:
    server.answer = lambda a: problem(status, "Why not.") if a.method == "POST" else register_answers(a)

    found = program("register", "model.yaml")

    assert (found[0], found[1]) == (code, "")
    assert found[2].endswith("countersign: Why not.\n")


def test_a_refused_upload_says_why(folder: Path, server: Loopback, program: Program) -> None:
    server.answer = lambda a: problem(413, "The body is too large.") if a.method == "PUT" else Told(404, b"")

    code, _, err = program("register", "model.yaml")

    assert (code, "too large" in err) == (1, True)


def test_a_folder_is_sent_part_by_part(folder: Path, server: Loopback, program: Program) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = folder / "parts"
    parts.mkdir()
    for number in (0, 1):
        rows = {"age": [0.1, 0.2], "income": [1.0, 2.0], "defaulted": [0, 1], "sex": ["F", f"M{number}"]}
        pq.write_table(pa.table(rows), parts / f"{number}.parquet")
    text = (folder / "model.yaml").read_text()
    (folder / "model.yaml").write_text(
        text.replace("holdout.csv", "parts").replace("holdout.parquet", "parts")
    )
    server.answer = register_answers

    code, _, err = program("register", "model.yaml")

    assert code == 0, err
    given = server.asked[-1].json["blobs"]["datasets"]["holdout"]
    sent = {a.path.rpartition("/")[2] for a in server.asked if a.method == "PUT"}
    assert list(given["parts"]) == ["0.parquet", "1.parquet"]
    assert set(given["parts"].values()) <= sent


def run_of(state: str, outcome: str = "", **more: Any) -> dict[str, Any]:
    decision = {"digest": "sha256:" + "2" * 64, "outcome": outcome} if outcome else None
    return {
        "id": "r-1",
        "model": "credit-pd",
        "version": "3",
        "state": state,
        "gates_total": 2,
        "gates_done": 1,
        "expected_seconds": 3.0,
        "cause": "",
        "decision": decision,
        **more,
    }


def submit_answers(*runs: dict[str, Any]) -> Answerer:
    waiting = list(runs)
    gates = [{"id": "g", "outcome": "fail", "why": "It fails."}]

    def answer(asked: Asked) -> Told:
        if asked.method == "POST":
            return Told(202, run_of("queued"))
        if asked.path.startswith("/api/v1/decisions/"):
            return Told(200, {"document": {"gates": gates}})
        return Told(200, waiting.pop(0) if len(waiting) > 1 else waiting[0])

    return answer


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("pass", 0), ("warn", 0), ("fail", 1), ("insufficient", 1), ("no_policy", 1), ("error", 4)],
)
def test_submitting_waits_for_the_decision(
    server: Loopback, program: Program, outcome: str, code: int
) -> None:
    server.answer = submit_answers(run_of("running"), run_of("decided", outcome))

    found = program("submit", "credit-pd@3")

    assert found[0] == code
    assert found[1].startswith(f"credit-pd@3: {outcome}\n")
    assert "  fail          g: It fails." in found[1]


def test_a_run_that_broke_is_told(server: Loopback, program: Program) -> None:
    server.answer = submit_answers(run_of("errored", cause="The child was killed."))

    code, out, err = program("submit", "credit-pd@3")

    assert (code, out) == (4, "")
    assert "the run is errored. The child was killed." in err


def test_submitting_without_waiting_names_the_run(server: Loopback, program: Program) -> None:
    server.answer = submit_answers(run_of("queued"))

    code, out, _ = program("submit", "credit-pd@3", "--no-wait")

    assert (code, out) == (0, "r-1\n")
    assert server.paths("GET") == []


@pytest.mark.parametrize("subject", ["credit-pd", "@3", "credit-pd@"])
def test_a_subject_without_model_or_version_is_refused(
    server: Loopback, program: Program, subject: str
) -> None:
    code, _, err = program("submit", subject)

    assert code == 4
    assert "MODEL@VERSION" in err


# Proposing a policy -----------------------------------------------------------------------------------


def offered(**more: Any) -> dict[str, Any]:
    effect = {"model": "credit-pd", "version": "3", "use": "loans", "before": "pass", "after": "fail"}
    impact = {"changed": 1, "in_scope": 4, "cannot_replay": 0, "outside": 2, "models": [effect]}
    shown = {"changes": ["performance.auc: floor 0.72 → 0.75 (stricter)"], "impact": impact}
    named = {"id": "1f", "policy": "vendor-model", "version": "1.0.0", "digest": "sha256:x"}
    return {**named, "shown": shown, **more}


def test_a_policy_is_tested_here_and_then_offered(server: Loopback, program: Program) -> None:
    server.answer = always(Told(201, offered()))

    status, out, _ = program("policy", "propose", str(VENDOR), "--note", "first")

    assert status == 0
    assert "floor 0.72 → 0.75" in out
    assert "credit-pd 3: pass → fail" in out
    assert "1 of 4 decisions would change" in out
    (asked,) = server.asked
    assert asked.json["policy"] == (VENDOR / "policy.yaml").read_text()
    assert asked.json["note"] == "first"
    assert asked.json["cases"]


def test_a_policy_that_fails_here_is_not_sent(server: Loopback, program: Program, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("apiVersion: governance/v1\nkind: Policy\n")

    assert program("policy", "propose", str(tmp_path / "policy.yaml"))[0] == 1
    assert not server.asked


def test_a_refused_proposal_says_why(server: Loopback, program: Program) -> None:
    server.answer = always(problem(409, "vendor-model: version 1.0.0 does not come after 1.0.0."))

    status, _, err = program("policy", "propose", str(VENDOR))

    assert status == 1
    assert "does not come after" in err
