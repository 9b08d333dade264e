"""Attestation rounds: opened, answered entry by entry, missed, asked again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.approvals import commands, rounds
from apps.approvals.models import Attestation, AttestationRound, Finding, RoundAnswer, RoundEntry
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.audit.states import system
from apps.inventory.commands import change_model
from apps.reports.kinds.board import attestations
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")

RELAY = system("relay")


def opened(**changes: object) -> AttestationRound:
    given = {"title": "Autumn", "due": bank.in_days(20), **changes}
    return commands.open_round(by=factories.head(), **given)


def told(action: str) -> int:
    return Event.objects.filter(action=action).count()


def entry(key: str = "credit-pd") -> RoundEntry:
    return RoundEntry.objects.select_related("model__owner", "round").filter(model__key=key).latest("pk")


def ticked(*entries: RoundEntry) -> dict[int, str]:
    return {one.pk: rounds.entry_digest(one.model) for one in entries}


def test_a_round_asks_the_owners_of_what_it_names() -> None:
    opened()
    opened(tiers=[1], title="Tier one")
    assert [r.entries.count() for r in AttestationRound.objects.order_by("opened_at")] == [2, 1]
    assert told("round.opened") == 2
    assert {e.model.key for e in rounds.waiting_for(factories.owner())} == {"credit-pd", "card-limit"}
    assert not rounds.waiting_for(factories.developer()).exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"due": bank.in_days(-1)}, "due"),
        ({"every_days": 1}, "every_days"),
        ({"models": ["no-such"]}, "models"),
        ({"tiers": [4]}, "unit"),
        ({"title": " "}, "title"),
    ],
)
def test_a_round_that_cannot_be_is_refused(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        opened(**wrong)
    assert refused.value.field == field
    assert not AttestationRound.objects.exists()


def test_only_some_roles_ask() -> None:
    for by in (factories.owner(), factories.developer(), factories.administrator()):
        with pytest.raises(Forbidden):
            commands.open_round(by=by, title="Mine", due=bank.in_days(9))


def test_the_owner_attests_what_was_shown_and_the_snapshot_is_sealed() -> None:
    opened()
    one, other = entry(), entry("card-limit")
    commands.attest_entries(by=factories.owner(), shown=ticked(one, other))
    assert {a.outcome for a in RoundAnswer.objects.all()} == {"attested"}
    answer = RoundAnswer.objects.get(entry=one)
    assert answer.attestation is not None
    assert answer.attestation.snapshot == rounds.snapshot_of(one.model)
    with pytest.raises(Refused, match="was answered before"):
        commands.attest_entries(by=factories.owner(), shown=ticked(one))


def test_nobody_else_attests() -> None:
    opened()
    other = factories.person("other-owner", "owner")
    with pytest.raises(Forbidden, match="nobody else attests"):
        commands.attest_entries(by=other, shown=ticked(entry()))
    with pytest.raises(Forbidden):
        commands.dispute_entry(by=factories.head(), entry=entry(), wrong="No.")


def test_what_changed_since_it_was_shown_is_not_attested_and_nothing_else_either() -> None:
    opened()
    shown = ticked(entry(), entry("card-limit"))
    change_model(by=factories.developer(), model=entry().model, title="Another title", reason="for a test")
    with pytest.raises(Refused, match="changed since it was shown"):
        commands.attest_entries(by=factories.owner(), shown=shown)
    assert not Attestation.objects.exists()


def test_at_most_fifty_are_ticked() -> None:
    with pytest.raises(Invalid, match="51 entries are ticked"):
        commands.attest_entries(by=factories.owner(), shown=dict.fromkeys(range(51), "x"))
    with pytest.raises(Invalid, match="at least one"):
        commands.attest_entries(by=factories.owner(), shown={})


def test_what_is_wrong_becomes_a_finding() -> None:
    opened()
    answer = commands.dispute_entry(by=factories.owner(), entry=entry(), wrong="The purpose is outdated.")
    assert answer.outcome == "wrong"
    assert answer.finding is not None
    assert (answer.finding.detail, answer.finding.opened_by) == (
        "The purpose is outdated.",
        factories.owner(),
    )


def test_what_nobody_answers_is_missed_once_and_becomes_a_finding() -> None:
    opened()
    commands.attest_entries(by=factories.owner(), shown=ticked(entry("card-limit")))
    before = Finding.objects.count()
    assert commands.miss_entries(by=RELAY, today=bank.in_days(20)) == 0
    assert commands.miss_entries(by=RELAY, today=bank.in_days(21)) == 1
    assert commands.miss_entries(by=RELAY, today=bank.in_days(21)) == 0
    assert told("attestation.missed") == Finding.objects.count() - before == 1
    with pytest.raises(Refused, match="it is missed"):
        commands.attest_entries(by=factories.owner(), shown=ticked(entry()))


def test_a_recurring_round_comes_again_until_it_is_ended() -> None:
    first = opened(every_days=90)
    assert commands.renew_rounds(by=RELAY, today=bank.in_days(20)) == 0
    assert commands.renew_rounds(by=RELAY, today=bank.in_days(21)) == 1
    assert commands.renew_rounds(by=RELAY, today=bank.in_days(21)) == 0
    second = AttestationRound.objects.get(follows=first)
    assert second.due == first.due + timedelta(days=90)
    with pytest.raises(Refused, match="A later round follows"):
        commands.end_round(by=factories.head(), asked=first, reason="enough")
    commands.end_round(by=factories.head(), asked=second, reason="enough")
    assert told("round.ended") == 1
    assert commands.renew_rounds(by=RELAY, today=bank.in_days(400)) == 0


def test_a_board_has_a_lane_a_unit_and_shows_what_one_may_see() -> None:
    asked = opened()
    commands.attest_entries(by=factories.owner(), shown=ticked(entry()))
    (lane,) = rounds.board(rounds.entries_of(factories.head(), asked))
    assert (lane.unit, len(lane.attested), len(lane.waiting), lane.share) == ("retail", 1, 1, 50)
    factories.unit("markets")
    elsewhere = factories.person("elsewhere", "risk-officer", scope="unit", key="markets")
    assert not rounds.visible_rounds(elsewhere).exists()
    assert rounds.counts([asked], factories.head())[asked.pk]["waiting"] == 1


def test_several_rounds_are_open_at_once_and_each_is_answered_by_itself() -> None:
    opened(models=["credit-pd"])
    opened(models=["credit-pd"], title="Another")
    assert rounds.waiting_for(factories.owner()).count() == 2
    commands.attest_entries(by=factories.owner(), shown=ticked(entry()))
    assert rounds.waiting_for(factories.owner()).count() == 1


def test_the_report_of_a_period_tells_how_its_rounds_went() -> None:
    opened()
    commands.attest_entries(by=factories.owner(), shown=ticked(entry()))
    now = timezone.now()
    told_in = attestations(factories.head(), now, now - timedelta(days=1), now + timedelta(days=30))
    (table,) = told_in.sections[1].tables
    assert [cell.text for cell in table.rows[0]] == [
        "Autumn", "everything", str(bank.in_days(20)), "1", "0", "0", "1",
    ]  # fmt: skip
