"""What a model is, how grave, and which regimes it stands under."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access.guards import may, require
from apps.access.states import Permission
from apps.api import rendering_scopes as rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.approvals.consequences import consequences, review_due
from apps.inventory import commands, determinations, queries, scorecards
from apps.inventory.commands.tiers import answer_tier_again

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import RegisteredModel, ScorecardProposal

LONGEST = 256 << 10


@operation("GET", "The scorecard in force: its questions, points and tiers.", answers={200: "The scorecard."})
def show_scorecard(request: HttpRequest, *, by: Person) -> HttpResponse:
    found = scorecards.scorecard()
    release = scorecards.newest_release()
    released = None if release is None else rendering.scorecard_release(release)
    return answer({**found.document, "digest": found.digest, "released": released})


@operation(
    "POST",
    "What a draft scorecard would change: words, and models that would move. Changes no state.",
    request={"scorecard": "string"},
    answers={200: "Faults, changes, moves, and models that cannot be judged."},
)
def scorecard_impact(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.POLICY_PROPOSE)
    fields = Fields(body(request))
    text = fields.verbatim("scorecard", longest=LONGEST)
    fields.done()
    return answer(scorecards.impact_of(by=by, data=text.encode()))


@operation("GET", "Scorecards offered for release, newest first.", answers={200: "Proposals."})
def list_scorecard_proposals(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer({"proposals": [_proposal(by, row) for row in scorecards.open_proposals()]})


def _proposal(by: Person, row: ScorecardProposal) -> dict[str, Any]:
    return rendering.scorecard_proposal(row, scorecards.shown_to(by, row))


@operation(
    "POST",
    "Offer a scorecard for release by a second person.",
    request={"scorecard": "string", "note": "string?"},
    answers={201: "The proposal, with its cases, what changes and which models would move."},
)
def offer_scorecard(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.POLICY_PROPOSE)
    fields = Fields(body(request))
    text, note = fields.verbatim("scorecard", longest=LONGEST), fields.text("note", "")
    fields.done()
    made = commands.propose_scorecard(by=by, data=text.encode(), note=note)
    place = {"Location": f"/api/v1/scorecard/proposals/{made.pk}"}
    return answer(_proposal(by, made), status=201, headers=place)


@operation("GET", "One proposal of a scorecard.", answers={200: "The proposal.", 404: "No such proposal."})
def show_scorecard_proposal(request: HttpRequest, proposal_id: UUID, *, by: Person) -> HttpResponse:
    return answer(_proposal(by, scorecards.find_proposal(proposal_id)))


@operation("GET", "A model's tier and every older one.", answers={200: "Tiers, the newest first."})
def show_tier(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    rows = model.tierings.select_related("assigned_by")
    return answer({"model": model.key, "tiers": [rendering.tiering(row) for row in rows]})


@operation(
    "POST",
    "Judge a model's tier by answers to the scorecard's questions; what is not answered counts as gravest. "
    "Whoever submits versions may make it graver, not lighter.",
    request={"answers": "object", "rationale": "string"},
    answers={201: "The tier, its points, every reason, and when it is to be looked at again."},
)
def assign_tier(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    fields = Fields(body(request))
    answers, rationale = fields.mapping("answers"), fields.text("rationale")
    fields.done()
    give = commands.assign_tier if may(by, Permission.MODEL_TIER, model) else answer_tier_again
    made = give(by=by, model=model, answers=answers, rationale=rationale)
    judged = scorecards.judged(made.answers).as_json()
    told = {"model": model.key, **judged, "review_due": made.review_due, "statement": made.statement_digest}
    return answer(told, status=201)


@operation(
    "POST",
    "What answers would come to: tier, gates, signatures and dates, before and after. Changes no state.",
    request={"answers": "object"},
    answers={200: "Before and after, by use."},
)
def preview_tier(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    fields = Fields(body(request))
    answers = fields.mapping("answers")
    fields.done()
    return answer(_preview(model, answers))


def _preview(model: RegisteredModel, answers: dict[str, Any]) -> dict[str, Any]:
    found = scorecards.judged(answers)
    newest = model.tierings.first()
    return {
        "model": model.key,
        "before": {
            "tier": newest.tier if newest else None,
            "answers": newest.answers if newest else {},
            "review_due": newest.review_due if newest else None,
        },
        "after": {**found.as_json(), "review_due": review_due(found.review_days)},
        "uses": [one.as_json() for one in consequences(model, found.tier)],
    }


@operation(
    "GET",
    "The regimes of a model: decided or not, by whom and why, and what is suggested with its citation.",
    answers={200: "Every known regime; one that is undecided applies."},
)
def show_regimes(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    lines = determinations.regime_lines(model)
    history = determinations.regime_history(model)
    return answer(
        {
            "model": model.key,
            "regimes": [rendering.regime_line(line) for line in lines],
            "history": [rendering.regime_decision(row) for row in history],
        }
    )


@operation(
    "POST",
    "Decide whether a regime applies to a model; the newest decision holds, the older ones are kept.",
    request={"regime": "string", "applies": "boolean", "rationale": "string"},
    answers={201: "The decision, sealed.", 409: "The newest decision says the same."},
)
def decide_regime(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    fields = Fields(body(request))
    regime, rationale = fields.text("regime"), fields.text("rationale")
    applies = fields.truth("applies")
    fields.done()
    made = commands.decide_regime(by=by, model=model, regime=regime, applies=applies, rationale=rationale)
    return answer(rendering.regime_decision(made), status=201)


@operation(
    "GET",
    "Whether it is a model, by each regime's definition; the questions, and every older determination.",
    answers={200: "The newest determination, or null, and the questionnaire."},
)
def show_determination(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    standing = determinations.determination_of(model)
    rows = model.determinations.select_related("determined_by")
    return answer(
        {
            "model": model.key,
            "determination": None if standing is None else rendering.determination(standing.row),
            "genuine": standing.genuine if standing else None,
            "due": standing.due if standing else True,
            "history": [rendering.determination(row) for row in rows],
            "questionnaire": determinations.questionnaire().document,
        }
    )


@operation(
    "POST",
    "Determine whether it is a model, by answers yes or no; what is not answered takes nothing out.",
    request={"answers": "object", "rationale": "string", "ask_again": "string (a day)?"},
    answers={201: "The determination, sealed."},
)
def determine(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    sent = body(request)
    fields = Fields(sent)
    answers, rationale = fields.mapping("answers"), fields.text("rationale")
    again = fields.day("ask_again") if "ask_again" in sent else None
    fields.done()
    made = commands.determine(by=by, model=model, answers=answers, rationale=rationale, ask_again=again)
    return answer(rendering.determination(made), status=201)


card = endpoint(show_scorecard)
card_impact = endpoint(scorecard_impact)
card_proposals = endpoint(list_scorecard_proposals, offer_scorecard)
card_proposal = endpoint(show_scorecard_proposal)
tier = endpoint(show_tier, assign_tier)
tier_preview = endpoint(preview_tier)
regimes = endpoint(show_regimes, decide_regime)
determination = endpoint(show_determination, determine)
