from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event, Statement
from apps.inventory.commands import assign_tier, propose_scorecard, release_scorecard
from apps.inventory.models import ScorecardProposal, ScorecardRelease
from apps.inventory.scorecards import impact_of, open_proposals, scorecard
from tests import factories

pytestmark = pytest.mark.django_db
SHIPPED = Path(settings.SCORECARD).read_bytes()
ANSWERS = {"purpose": "credit_decision", "exposure_eur": "60000000", "customer_impact": "denial"}


def text(version: str = "1.2.0", *changes: tuple[bytes, bytes]) -> bytes:
    found = SHIPPED.replace(b"version: 1.1.0", f"version: {version}".encode())
    for one, other in changes:
        assert one in found
        found = found.replace(one, other)
    return found


@pytest.fixture
def pat(db: None):
    return factories.person("pat", "model-risk-policy")


@pytest.fixture
def pia(db: None):
    return factories.person("pia", "model-risk-policy")


STRICTER = (b"network: 3", b"network: 4")


def test_until_a_release_the_shipped_scorecard_judges() -> None:
    assert (scorecard().id, scorecard().version) == ("materiality", "1.1.0")


def test_a_second_person_releases_what_was_proposed_and_it_judges_from_then_on(pat, pia) -> None:
    offered = propose_scorecard(by=pat, data=text("1.2.0", STRICTER), note="Networks count more.")
    assert list(open_proposals()) == [offered]
    assert scorecard().version == "1.1.0"
    row = release_scorecard(by=pia, proposal=offered)
    assert (scorecard().digest, bytes(row.text)) == (offered.digest, bytes(offered.text))
    said = json.loads(bytes(Statement.objects.get(pk=row.statement_digest).payload))["predicate"]
    assert said["proposal"] == offered.statement_digest
    assert not open_proposals().exists()
    actions = list(Event.objects.filter(action__startswith="scorecard.").values_list("action", flat=True))
    assert sorted(actions) == ["scorecard.proposed", "scorecard.released"]


def test_a_tier_names_the_released_scorecard_by_digest(pat, pia) -> None:
    released = release_scorecard(by=pia, proposal=propose_scorecard(by=pat, data=text("1.2.0", STRICTER)))
    made = assign_tier(by=factories.head(), model=factories.model(), answers=ANSWERS, rationale="x")
    assert (made.scorecard, made.scorecard_digest) == ("materiality@1.2.0", released.digest)


def test_a_proposal_shows_in_words_what_changes_and_who_moves(pat) -> None:
    small = {"purpose": "pricing", "exposure_eur": "5", "customer_impact": "cost", "complexity": "rules"}
    model = factories.model()
    assign_tier(
        by=factories.head(), model=model, answers={**small, "autonomy": "person_decides"}, rationale="x"
    )
    offered = propose_scorecard(by=pat, data=text("1.2.0", (b"pricing: 3", b"pricing: 4")))
    assert offered.shown["changes"] == ["What the model decides: pricing 3 points → 4 points."]
    assert offered.shown["moves"] == [
        {"model": "credit-pd", "before": 3, "after": 2, "why": "6 points are tier 2."}
    ]
    assert offered.shown["replaces"] == "materiality@1.1.0"


def test_whoever_proposed_cannot_release(pat) -> None:
    offered = propose_scorecard(by=pat, data=text("1.2.0", STRICTER))
    with pytest.raises(Forbidden, match="second person"):
        release_scorecard(by=pat, proposal=offered)


def test_a_developer_can_neither_propose_nor_release(pat) -> None:
    with pytest.raises(Forbidden, match="Policy author"):
        propose_scorecard(by=factories.developer(), data=text())
    offered = propose_scorecard(by=pat, data=text("1.2.0", STRICTER))
    with pytest.raises(Forbidden, match="Policy author"):
        release_scorecard(by=factories.developer(), proposal=offered)


@pytest.mark.parametrize(
    ("version", "changes", "sentence"),
    [
        ("1.2.0", [(b"from_points: 12", b"from_points: 13")], "twelve points are tier 1"),
        ("1.1.1", [STRICTER], "is a patch, which is for text only"),
        ("1.1.0", [], "does not come after 1.1.0"),
        ("1.2.0", [(b"expect: 3", b"expect: 2"), (b"from_points: 6", b"from_points: 0")], "graver"),
    ],
)
def test_what_could_not_be_released_is_not_offered(pat, version, changes, sentence) -> None:
    with pytest.raises((Refused, Invalid), match=sentence):
        propose_scorecard(by=pat, data=text(version, *changes))
    assert not ScorecardProposal.objects.exists()


def test_a_scorecard_whose_cases_would_miss_a_weakening_is_not_offered(pat) -> None:
    without = text().partition(b"  - name: who acts on the answer")[0]
    with pytest.raises(Refused, match="No case would notice “no points for “Who acts"):
        propose_scorecard(by=pat, data=without)


def forged(offered: ScorecardProposal, **changes: object) -> ScorecardProposal:
    row = ScorecardProposal.objects.get(pk=offered.pk)
    row.pk, row._state.adding = uuid4(), True
    for name, value in {"statement_digest": f"sha256:{row.pk.hex * 2}", **changes}.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


def test_a_proposal_that_nobody_sealed_is_not_released(pat, pia) -> None:
    offered = propose_scorecard(by=pat, data=text("1.2.0", STRICTER))
    with pytest.raises(Refused, match="no genuine statement"):
        release_scorecard(by=pia, proposal=forged(offered))
    assert not ScorecardRelease.objects.exists()


@pytest.mark.parametrize("part", ["proposed_by", "text", "shown", "note"])
def test_a_proposal_must_say_what_its_statement_says(pat, pia, part: str) -> None:
    offered = propose_scorecard(by=pat, data=text("1.2.0", STRICTER))
    other = {
        "proposed_by": factories.person("paul", "model-risk-policy"),
        "text": text("1.3.0", STRICTER),
        "shown": {**offered.shown, "moves": ["nobody"]},
        "note": "Harmless",
    }
    setattr(offered, part, other[part])
    with pytest.raises(Refused, match="no genuine statement"):
        release_scorecard(by=pia, proposal=offered)


def test_a_release_that_nobody_signed_judges_nobody(pat, pia) -> None:
    offered = propose_scorecard(by=pat, data=text("1.2.0", STRICTER))
    document = scorecard().document
    ScorecardRelease.objects.create(
        scorecard="materiality",
        version="9.0.0",
        digest=scorecard().digest,
        text=b"",
        document=document,
        proposal=offered,
        proposed_by=pat,
        released_by=pia,
        statement_digest="sha256:" + "1" * 64,
    )
    with pytest.raises(Refused, match="no genuine statement of its release"):
        assign_tier(by=factories.head(), model=factories.model(), answers=ANSWERS, rationale="x")


def test_the_impact_of_a_draft_writes_nothing(pat) -> None:
    draft = text("1.2.0", (b"from_points: 12", b"from_points: 13"))
    found = impact_of(by=pat, data=draft)
    assert any("twelve points" in fault for fault in found["faults"])
    assert found["changes"] == ["Tier 1: from 12 points → 13 points (milder)."]
    assert not ScorecardProposal.objects.exists()
