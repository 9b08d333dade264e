"""The challenge log on pages and in the API: asked here, called on there, answered, out of sight else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.api.asking import Asker
from tests.standing import Standing

pytestmark = pytest.mark.slow


def page(world: Standing, role: str, path: str) -> str:
    client = Client()
    client.force_login(world.people[role])
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def ask(world: Standing, role: str, path: str, **fields: str) -> Client:
    client = Client()
    client.force_login(world.people[role])
    assert client.post(path, fields).status_code == 302
    return client


def test_a_question_is_asked_found_and_answered(world: Standing) -> None:
    digest = world.granted.decision.statement_digest
    here = f"/decisions/{digest}"
    about = {"about": f"decision:{digest}", "said": "question", "back": here}
    ask(world, "validator", "/challenges/add", text="Why not 2024, @dev?", **about)
    for path in (here, "/models/credit-pd/versions/1", "/models/credit-pd/challenges"):
        assert "Why not 2024, @" in page(world, "owner", path)
    home = page(world, "developer", "/")
    assert "calls on you" in home
    place = home.partition('href="/challenges/')[2].partition("#")[0]
    ask(world, "developer", f"/challenges/{place}/answer", text="It was a <b>crisis</b> year.")
    assert "It was a &lt;b&gt;crisis&lt;/b&gt; year." in page(world, "validator", f"/challenges/{place}")
    assert "calls on you" not in page(world, "developer", "/")


def test_a_report_says_how_much_was_said_since_it_was_made(world: Standing) -> None:
    report = f"/reports/{world.report.pk}"
    assert "after this report was made" not in page(world, "validator", report)
    about = f"decision:{world.granted.decision.statement_digest}"
    ask(world, "validator", "/challenges/add", text="Why?", about=about, said="question", back="/")
    assert "came after this report was made" in page(world, "validator", report)
    assert "holds it." in page(world, "validator", report)


def test_who_may_not_speak_sees_why_and_what_is_wrong_is_told_beside_what_was_typed(world: Standing) -> None:
    here = f"/findings/{world.finding.pk}"
    assert "disabled" in page(world, "auditor", here).partition("challenge-text")[2]
    about = {"about": f"finding:{world.finding.pk}", "said": "remark", "back": here}
    client = ask(world, "validator", "/challenges/add", text="See @nobody-here.", **about)
    shown = client.get(here).content.decode()
    assert "Nobody called @nobody-here may read" in shown
    assert "See @nobody-here." in shown


def test_the_same_by_the_api(world: Standing) -> None:
    developer = Asker(world.tokens["developer"])
    evidence = world.failed.run.evidence.earliest("id")
    sent = {"thing": "evidence", "id": evidence.statement_digest, "text": "Odd.", "said": "remark"}
    made: Any = developer.post("/challenges", sent)
    assert made.status_code == 201
    entry = made.json()
    assert (entry["thing"]["digest"], entry["sealed"], entry["earlier"]) == (
        evidence.statement_digest,
        True,
        False,
    )
    answered: Any = developer.post("/challenges", {**sent, "text": "Indeed.", "answers": entry["id"]})
    assert answered.json()["said"] == "answer"
    model = world.failed.version.model.key
    listed: Any = developer.get(f"/challenges?model={model}&thing=evidence")
    assert [one["text"] for one in listed.json()["challenges"]] == ["Indeed.", "Odd."]
    client = Client()
    client.force_login(world.people["elsewhere"])
    assert client.get(f"/challenges/{entry['id']}").status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"thing": "model"}, 422, "choose evidence, decision, report, finding"),
        ({"id": "x"}, 404, "no decision"),
        ({"thing": "report", "id": "x"}, 422, "is no report"),
        ({"thing": "finding", "id": "x"}, 404, "no finding"),
        ({"text": ""}, 422, "Please say the text"),
        ({"text": "x" * 5001}, 422, "5,000"),
        ({"answers": "x"}, 404, "no entry"),
        ({"more": 1}, 422, "more"),
    ],
)
def test_what_is_wrong_is_named(world: Standing, change: dict[str, str], status: int, word: str) -> None:
    sent = {"thing": "decision", "id": world.failed.statement_digest, "text": "Odd.", **change}
    answer: Any = Asker(world.tokens["developer"]).post("/challenges", sent)
    assert (answer.status_code, word in answer.content.decode()) == (status, True), answer.content
