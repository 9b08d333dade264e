"""A request of a pipeline with the rows it names, and what the gate says of it; nothing is written here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Any

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.approvals.models import Approval
from apps.approvals.states import ApprovalState
from apps.audit.errors import NotFound
from apps.deploys import guards
from apps.deploys.experiments import Within, answered_within
from apps.deploys.facts import Gathered, gather
from apps.deploys.glass import standing, through_glass
from apps.deploys.models import Admission, Environment
from apps.deploys.models_glass import Glass
from apps.deploys.under_way import or_pending
from apps.engine.admission.patterns import outside_patterns
from apps.engine.admission.people import within
from apps.engine.admit import Admission as Answer
from apps.engine.admit import Reason, Request
from apps.engine.properties import Stated
from apps.inventory.models import ModelVersion, Use
from apps.inventory.queries import find_version, uses_of

# Where the answer is one of these, whoever asked is told what the version is approved for.
_OTHER_USE = frozenset({"unknown_use", "use_retired", "no_approval", "approval_other_use"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a caller says of the request itself."""

    population: str = ""
    jurisdiction: str = ""
    exposure_eur: str = ""
    experiment: str = ""
    share: str = ""
    deploy_type: str = ""
    properties: Mapping[str, Stated] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        population: str,
        jurisdiction: str,
        exposure_eur: str,
        experiment: str = "",
        share: str = "",
        deploy_type: str = "",
        properties: Mapping[str, Any] | None = None,
    ) -> Said:
        """The values, each checked."""
        return cls(
            population=clean(population, field="population", longest=200),
            jurisdiction=guards.jurisdiction(jurisdiction),
            exposure_eur=guards.exposure(exposure_eur),
            experiment=clean(experiment, field="experiment", longest=36),
            share=guards.share(share),
            deploy_type=guards.deploy_type(deploy_type),
            properties=guards.properties(properties or {}),
        )

    @classmethod
    def by(cls, row: Admission) -> Said:
        """What was said when an answer was given."""
        return cls(**{one.name: getattr(row, one.name) for one in fields(cls)})

    def as_words(self) -> dict[str, Any]:
        """The values by name, as an answer keeps them."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request with the rows it names, where there are any."""

    request: Request
    said: Said
    version: ModelVersion | None
    use: Use | None
    environment: Environment | None


def read_request(*, model: str, version: str, use: str, environment: str, digest: str) -> Request:
    """What was asked, each name checked."""
    return Request(
        model=required(model, field="model", longest=200),
        version=required(version, field="version", longest=120),
        use=clean(use, field="use", longest=120),
        environment=required(environment, field="environment", longest=80),
        digest=clean(digest, field="digest", longest=71),
    )


def asked(by: Person, given: Request, said: Said) -> Asked:
    """The request with its rows; what the person may not ask about is as unknown as what is not there."""
    row = _known(by, given.model, given.version)
    use = use_of(row, given.use)
    return Asked(
        request=replace(given, use=use.key if use else given.use, digest=_bound(row, given.digest)),
        said=said,
        version=row,
        use=use,
        environment=Environment.objects.filter(key=given.environment).first(),
    )


def weighed(about: Asked, now: datetime) -> tuple[Gathered, Answer]:
    """The facts and the answer."""
    gathered = gather(about.version, about.use, about.environment, now)
    answer = _narrowed(gathered, gathered.answer(about.request, now), about)
    told = or_pending(_with_nearest(answer, about, now), about.version, about.use)
    opened = through_glass(told, gathered, _glass(about, answer, now))
    return gathered, answered_within(opened, _within(about), now)


def _within(about: Asked) -> Within:
    said = about.said
    return Within(experiment=said.experiment, share=said.share, version=about.version, request=about.request)


def _glass(about: Asked, answer: Answer, now: datetime) -> Glass | None:
    """The break-glass for exactly this, looked for only where the answer is no."""
    if answer.allowed or about.version is None or about.use is None:
        return None
    return standing(about.version, about.use, about.request.environment, now)


def _known(by: Person, model: str, version: str) -> ModelVersion | None:
    try:
        row = find_version(by, model, version)
    except NotFound:
        return None
    require(by, Permission.ADMISSION_ASK, row.model)
    return row


def use_of(version: ModelVersion | None, key: str) -> Use | None:
    """The use asked for; without a word, the version's own."""
    if version is None:
        return None
    uses = {u.key: u for u in uses_of(version.model)}
    return uses.get(key or str((version.manifest.get("spec") or {}).get("use", "")))


def _bound(version: ModelVersion | None, asked: str) -> str:
    """The version's digest where the caller named its artifact or manifest; any other digest as it stands."""
    if version is None or not asked:
        return asked
    text = asked if ":" in asked else f"sha256:{asked}"
    same = {version.digest, version.manifest_digest, version.artifact_id}
    return version.digest if text in same else text


# What the request says of itself -----------------------------------------------------------------------


def _narrowed(gathered: Gathered, answer: Answer, about: Asked) -> Answer:
    """Limits that speak of the request itself; the engine has held them against the model's own facts."""
    said = about.said
    found = [
        *_beyond(answer.limits, said),
        *_elsewhere(gathered, answer.limits, said),
        *outside_patterns(gathered.policies, said.deploy_type, said.properties),
    ]
    if not found:
        return answer
    told = (r for r in answer.reasons if r.code != "allowed")
    return replace(answer, outcome="deny", reasons=(*told, *found), expires_at=None)


def _beyond(limits: Mapping[str, Any], said: Said) -> Iterator[Reason]:
    population, most = limits.get("population"), limits.get("max_exposure_eur")
    if population and said.population != population:
        told = said.population or "none named"
        yield Reason(
            "limit_population", f"The approval is for {population}; asked was: {told}.", "population"
        )
    if most and said.exposure_eur and Decimal(said.exposure_eur) > Decimal(str(most)):
        sentence = f"The exposure asked for, {said.exposure_eur} EUR, is above the limit of {most} EUR."
        yield Reason("limit_exposure", sentence, "exposure")


def _elsewhere(gathered: Gathered, limits: Mapping[str, Any], said: Said) -> Iterator[Reason]:
    """A limit of jurisdictions must be met by name; those of the model bind whoever names one."""
    limited = limits.get("jurisdictions")
    if limited is not None and not within(said.jurisdiction, limited):
        told = said.jurisdiction or "none named"
        places = ", ".join(limited) or "no jurisdiction"
        yield Reason(
            "limit_jurisdiction", f"The approval is limited to {places}; asked was: {told}.", "jurisdiction"
        )
    elif said.jurisdiction and gathered.version is not None:
        declared = list(gathered.version.facts.get("model.jurisdictions") or ())
        if not within(said.jurisdiction, declared):
            places = ", ".join(declared) or "no jurisdiction"
            sentence = f"The model is registered for {places}, not for {said.jurisdiction}."
            yield Reason("other_jurisdiction", sentence, said.jurisdiction)


# The nearest approved use ------------------------------------------------------------------------------


def _with_nearest(answer: Answer, about: Asked, now: datetime) -> Answer:
    """Tell whoever asks for another use what the version is approved for, the nearest first."""
    codes = {reason.code for reason in answer.reasons}
    if about.version is None or answer.allowed or not codes & _OTHER_USE:
        return answer
    approved = _approved(about.version, now)
    name = f"{about.request.model}@{about.request.version}"
    if not approved:
        sentence = f"{name} is approved for no use at this moment."
    else:
        first = nearest(about.request.use, approved)
        others = ", ".join(u.key for u in approved if u.key != first.key)
        sentence = f"The nearest approved use of {name} is “{first.key}”{_titled(first)}."
        sentence += f" It is approved for {others}, too." if others else ""
    reason = Reason("nearest_use", sentence, (approved and nearest(about.request.use, approved).key) or name)
    return replace(answer, reasons=(*answer.reasons, reason))


def _titled(use: Use) -> str:
    return f" ({use.title})" if use.title and use.title != use.key else ""


def _approved(version: ModelVersion, now: datetime) -> list[Use]:
    rows = Approval.objects.filter(
        version=version, state=ApprovalState.GRANTED, expires_at__gt=now, use__retired_at=None
    ).select_related("use")
    return sorted({row.use for row in rows}, key=lambda use: use.key)


def nearest(asked: str, uses: list[Use]) -> Use:
    """The use whose key or title is most alike what was asked for; of equals the first by key."""

    def alike(use: Use) -> float:
        words = asked.lower()
        return max(SequenceMatcher(None, words, text.lower()).ratio() for text in (use.key, use.title))

    return max(uses, key=alike)
