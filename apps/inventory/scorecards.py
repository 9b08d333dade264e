"""The scorecard in force: how answers about a model become its tier, and what another would change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from apps.access.guards import require
from apps.access.models import Person
from apps.access.queries import visible_models
from apps.access.states import Permission
from apps.audit.errors import Invalid, NotFound, Refused
from apps.audit.trail import contents
from apps.engine.canonical import digest
from apps.engine.errors import BadInput
from apps.engine.tier import Scorecard, Tier, case_faults, read_scorecard, scorecard_of, tier_of
from apps.engine.tier_trial import bump_fault, diff, lint, survivors, weakenings
from apps.inventory.models import RegisteredModel, ScorecardProposal, ScorecardRelease, Tiering

PROPOSAL = "https://countersign.dev/scorecard-proposal/v1"
RELEASE = "https://countersign.dev/scorecard-release/v1"


def scorecard() -> Scorecard:
    """The scorecard released last; before the first release the one that the settings name.

    Refused where it cannot be read, its own cases fail, or nobody signed its release.
    """
    release = newest_release()
    return released(release) if release is not None else _starting()


def newest_release() -> ScorecardRelease | None:
    """The release that judges now; None while the starting point does."""
    return ScorecardRelease.objects.select_related("proposed_by", "released_by").first()


def released(release: ScorecardRelease) -> Scorecard:
    """The scorecard of a release; refused where no genuine statement says that it was released."""
    found = scorecard_of(release.document)
    told = contents([release.statement_digest]).get(release.statement_digest, {})
    said = told.get("predicate", {}).get("scorecard")
    if told.get("predicateType") != RELEASE or said != named(found) or found.digest != release.digest:
        raise Refused(f"The scorecard {release} has no genuine statement of its release.", code="not_genuine")
    return found


def text_in_force() -> str:
    """The file of the scorecard in force, as a start for the next version."""
    release = newest_release()
    data = bytes(release.text) if release is not None else Path(settings.SCORECARD).read_bytes()
    return data.decode()


def named(card: Scorecard) -> dict[str, str]:
    """Id, version and digest, as facts name it."""
    return {"id": card.id, "version": card.version, "digest": card.digest}


def _starting() -> Scorecard:
    path = Path(settings.SCORECARD)
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, BadInput) as problem:
        raise Refused(f"The scorecard {path} cannot be used: {problem}") from problem


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Scorecard:
    found = read_scorecard(path.read_bytes(), name=path.name)
    if faults := case_faults(found):
        raise BadInput(f"its own case fails: {faults[0]}")
    return found


def judged(answers: Mapping[str, Any]) -> Tier:
    """The tier that the scorecard in force gives for these answers."""
    try:
        return tier_of(answers, scorecard())
    except BadInput as problem:
        raise Invalid(str(problem), field="answers") from problem


@dataclass(frozen=True, slots=True)
class Move:
    """A model whose tier a draft would change, by the answers kept of it."""

    key: str
    before: int
    after: int
    reasons: tuple[str, ...]


def moves(
    draft: Scorecard, models: QuerySet[RegisteredModel] | None = None
) -> Iterator[Move | tuple[str, str]]:
    """Each model that would move; for one whose answers do not fit the draft, its key and the reason."""
    rows = RegisteredModel.objects.all() if models is None else models
    newest = Tiering.objects.order_by("model_id", "-assigned_at", "-id").distinct("model_id")
    for model in rows.order_by("key").prefetch_related(Prefetch("tierings", newest)):
        tiering = next(iter(model.tierings.all()), None)
        if tiering is None or not tiering.scorecard:
            continue
        try:
            found = tier_of(tiering.answers, draft)
        except BadInput as problem:
            yield model.key, str(problem)
            continue
        if found.tier != tiering.tier:
            yield Move(model.key, tiering.tier, found.tier, found.reasons)


def moves_as_json(found: Iterable[Move | tuple[str, str]]) -> dict[str, Any]:
    """Models that move, and models whose answers do not fit, as plain JSON."""
    listed = list(found)
    moved = [one for one in listed if isinstance(one, Move)]
    unfit = [one for one in listed if not isinstance(one, Move)]
    return {
        "moves": [
            {"model": m.key, "before": m.before, "after": m.after, "why": m.reasons[-1]} for m in moved
        ],
        "cannot_be_judged": [{"model": key, "reason": reason} for key, reason in unfit],
    }


def readable(data: bytes, *, name: str = "scorecard.yaml") -> Scorecard:
    """The draft; refused with line and column where it cannot be read."""
    try:
        return read_scorecard(data, name=name)
    except BadInput as problem:
        raise Invalid(str(problem), field="scorecard") from problem


def impact_of(*, by: Person, data: bytes) -> dict[str, Any]:
    """What a draft would change for the models that the person may see; nothing is written."""
    require(by, Permission.POLICY_PROPOSE)
    draft = readable(data)
    in_force = scorecard()
    return {
        "scorecard": named(draft),
        "in_force": named(in_force),
        "faults": [*lint(draft), *unnoticed(draft)],
        "version_fault": bump_fault(in_force, draft),
        "changes": diff(in_force, draft),
        **moves_as_json(moves(draft, visible_models(by))),
    }


def unnoticed(draft: Scorecard) -> list[str]:
    """A sentence for each weakening that no case of the draft notices."""
    return [f"No case would notice “{change}”." for change in survivors(draft)]


def shown_of(draft: Scorecard) -> dict[str, Any]:
    """What a second person must have seen before releasing it, worked out over every model."""
    in_force = scorecard()
    return {
        "cases": len(draft.cases),
        "weakenings": sum(1 for _ in weakenings(draft)),
        "replaces": f"{in_force.id}@{in_force.version}",
        "changes": diff(in_force, draft),
        **moves_as_json(moves(draft)),
    }


def open_proposals() -> QuerySet[ScorecardProposal]:
    """What is offered and of which no version is released yet, newest first."""
    done = ScorecardRelease.objects.filter(scorecard=OuterRef("scorecard"), version=OuterRef("version"))
    return ScorecardProposal.objects.filter(~Exists(done)).select_related("proposed_by")


def releases() -> QuerySet[ScorecardRelease]:
    """Every release, newest first."""
    return ScorecardRelease.objects.select_related("proposed_by", "released_by")


def find_proposal(proposal_id: UUID) -> ScorecardProposal:
    found = ScorecardProposal.objects.filter(pk=proposal_id).select_related("proposed_by", "release").first()
    if found is None:
        raise NotFound(f"There is no proposal {proposal_id}.")
    return found


def shown_to(by: Person, proposal: ScorecardProposal) -> dict[str, Any]:
    """What was shown, of the models that the person may see; of the others only how many there are."""
    named_keys = [line["model"] for part in ("moves", "cannot_be_judged") for line in proposal.shown[part]]
    seen = set(visible_models(by).filter(key__in=named_keys).values_list("key", flat=True))
    parts = {
        part: [line for line in proposal.shown[part] if line["model"] in seen]
        for part in ("moves", "cannot_be_judged")
    }
    return {**proposal.shown, **parts, "out_of_sight": len(named_keys) - sum(map(len, parts.values()))}


def sealed_as(proposal: ScorecardProposal) -> dict[str, Any]:
    """What the proposal's statement must say."""
    return {
        "text": digest(bytes(proposal.text)),
        "note": proposal.note,
        "shown": proposal.shown,
        "proposedBy": str(proposal.proposed_by_id),
    }
