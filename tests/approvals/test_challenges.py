"""The challenge log: bound to what was shown, written once, seen in scope, calling on people by number."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from apps.approvals.challenges import calls_on, find_challenge, shown_text
from apps.approvals.commands import challenge, remediate_finding
from apps.approvals.models import Challenge
from apps.audit.errors import Forbidden, Invalid, NotFound
from apps.audit.models import Event
from apps.gates.models import Decision
from apps.reports.challenges import choices, entries, find_about, on_decision, threads
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


@pytest.fixture
def decision() -> Decision:
    bank.policies()
    return bank.decided(bank.version())


def asked(decision: Decision, text: str = "Why this sample?", **changes: Any) -> Challenge:
    by = changes.pop("by", None) or factories.validator()
    about = changes.pop("about", None) or find_about(by, "decision", decision.statement_digest)
    return challenge(by=by, about=about, text=text, **changes)


def test_a_question_and_its_answer_are_one_thread(decision: Decision) -> None:
    question = asked(decision, said="question")
    answer = asked(decision, "It is last year's.", by=factories.developer(), answers=question)
    assert (question.said, answer.said, answer.answers) == ("question", "answer", question)
    again = asked(decision, "All of it?", answers=answer)
    (thread,) = threads(on_decision(factories.validator(), decision))
    assert [e.row for e in (thread.first, *thread.answers)] == [question, answer, again]
    assert all(e.sealed and not e.earlier for e in (thread.first, *thread.answers))
    assert Event.objects.filter(action="challenge.made").count() == 3


def test_a_piece_of_evidence_keeps_its_thread_and_says_what_is_of_an_earlier_measurement(
    decision: Decision,
) -> None:
    by, (value, gate) = factories.validator(), choices(decision)[1]
    about = find_about(by, *value.split(":", 1))
    asked(decision, about=about)
    newer = bank.measured(bank.version())
    assert newer.pk != decision.pk
    (thread,) = threads(on_decision(by, newer))
    assert thread.first.earlier
    assert gate in thread.first.row.thing_name


def test_a_finding_that_was_remediated_is_another_version_of_itself(decision: Decision) -> None:
    finding, by = bank.finding(decision.version), factories.validator()
    row = asked(decision, about=find_about(by, "finding", str(finding.pk)))
    assert not entries([row])[0].earlier
    remediate_finding(by=factories.developer(), finding=finding, plan="Done.")
    assert entries([row])[0].earlier


def test_who_is_called_on_stands_by_number_and_finds_it_until_they_speak(decision: Decision) -> None:
    developer = factories.developer()
    row = asked(decision, f"@{developer.username}, why? Mail me: v@example.org.")
    assert row.text == f"@{{{developer.pk}}}, why? Mail me: v@example.org."
    assert shown_text(find_challenge(developer, row.pk)).startswith(f"@{developer.name}, why?")
    assert calls_on(developer) == [row]
    assert calls_on(factories.validator()) == []
    asked(decision, "So.", by=developer, answers=row)
    assert calls_on(developer) == []


def test_a_number_that_somebody_writes_names_nobody(decision: Decision) -> None:
    row = asked(decision, f"Hello @{{{factories.head().pk}}}")
    assert factories.head().name not in shown_text(row)


def test_nobody_is_called_on_who_may_not_read_it(decision: Decision) -> None:
    factories.administrator()
    for name in ("nobody", factories.administrator().username):
        with pytest.raises(Invalid, match=f"Nobody called @{name} may read"):
            asked(decision, f"See @{name}")
    with pytest.raises(Invalid, match="Please say the text"):
        asked(decision, "  ")
    with pytest.raises(Invalid, match="choose question or remark"):
        asked(decision, said="answer")


def test_answers_stay_with_their_thing(decision: Decision) -> None:
    by = factories.validator()
    about = find_about(by, *choices(decision)[1][0].split(":", 1))
    with pytest.raises(Invalid, match="that you answer is about"):
        asked(decision, about=about, answers=asked(decision))


def test_who_may_not_see_finds_nothing_and_who_may_not_speak_is_refused(decision: Decision) -> None:
    row = asked(decision)
    with pytest.raises(NotFound):
        find_challenge(factories.administrator(), row.pk)
    elsewhere = factories.person("elsewhere")
    factories.grant(elsewhere, "developer", scope="unit", key=factories.unit("markets").key)
    with pytest.raises(NotFound):
        find_about(elsewhere, "decision", decision.statement_digest)
    with pytest.raises(Forbidden):
        asked(decision, by=factories.person("reader", "auditor"))


def test_what_was_written_past_the_service_is_told_as_not_sealed(decision: Decision) -> None:
    row = asked(decision)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO approvals_challenge SELECT gen_random_uuid(), thing, thing_id, thing_name, "
            "thing_digest, said, %s, said_at, %s, answers_id, model_id, person_id, version_id "
            "FROM approvals_challenge WHERE id = %s",
            ["All is well.", "sha256:" + "0" * 64, row.pk],
        )
    forged = Challenge.objects.get(text="All is well.")
    assert [e.sealed for e in entries([row, forged])] == [True, False]
