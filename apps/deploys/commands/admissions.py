"""Answering pipelines: gather, ask the engine, seal, keep the bytes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.access.guards import require, require_anywhere
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.audit import commands as audit
from apps.audit.errors import NotFound
from apps.audit.events import EventName
from apps.audit.models import Statement
from apps.audit.states import Ref
from apps.deploys import guards
from apps.deploys.facts import Gathered, gather
from apps.deploys.models import Admission, Environment
from apps.engine.admit import Admission as Answer
from apps.engine.admit import Reason, Request
from apps.engine.canonical import canonical, digest, rfc3339
from apps.gates.clock import database_now
from apps.inventory.models import ModelVersion, Use
from apps.inventory.queries import find_version, uses_of

VSA = "https://slsa.dev/verification_summary/v1"
LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request with the rows it names, where there are any."""

    request: Request
    version: ModelVersion | None
    use: Use | None
    environment: Environment | None
    population: str
    exposure_eur: str


@transaction.atomic
def admit(
    *,
    by: Person,
    model: str,
    version: str,
    environment: str,
    digest: str = "",
    use: str = "",
    population: str = "",
    exposure_eur: str = "",
) -> Admission:
    """Answer allow or deny with every reason; the answer is sealed and never changes."""
    require_anywhere(by, Permission.ADMISSION_ASK)
    given = Request(
        model=required(model, field="model", longest=200),
        version=required(version, field="version", longest=120),
        use=clean(use, field="use", longest=120),
        environment=required(environment, field="environment", longest=80),
        digest=clean(digest, field="digest", longest=71),
    )
    said = clean(population, field="population", longest=200), guards.exposure(exposure_eur)
    return _answered(by, _asked(by, given, *said))


def _asked(by: Person, given: Request, population: str, exposure_eur: str) -> _Asked:
    row = _known(by, given.model, given.version)
    found_use = _use(row, given.use)
    request = replace(given, use=found_use.key if found_use else given.use, digest=_bound(row, given.digest))
    place = Environment.objects.filter(key=given.environment).first()
    return _Asked(request, row, found_use, place, population, exposure_eur)


def _answered(by: Person, asked: _Asked) -> Admission:
    now = database_now()  # a service whose clock is behind revives nothing
    gathered = gather(asked.version, asked.use, asked.environment, now)
    answer = _narrowed(gathered.answer(asked.request, now), asked)
    return _seal(by, asked, gathered, answer, now)


def _known(by: Person, model: str, version: str) -> ModelVersion | None:
    try:
        row = find_version(by, model, version)
    except NotFound:
        return None
    require(by, Permission.ADMISSION_ASK, row.model)
    return row


def _use(version: ModelVersion | None, key: str) -> Use | None:
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


def _narrowed(answer: Answer, asked: _Asked) -> Answer:
    """Limits that speak of the request itself; the engine has held them against the model's own facts."""
    found = list(_beyond(answer.limits, asked))
    if not found:
        return answer
    told = (r for r in answer.reasons if r.code != "allowed")
    return replace(answer, outcome="deny", reasons=(*told, *found), expires_at=None)


def _beyond(limits: Mapping[str, Any], asked: _Asked) -> Iterator[Reason]:
    population, most = limits.get("population"), limits.get("max_exposure_eur")
    if population and asked.population != population:
        told = asked.population or "none named"
        yield Reason(
            "limit_population", f"The approval is for {population}; asked was: {told}.", "population"
        )
    if most and asked.exposure_eur and Decimal(asked.exposure_eur) > Decimal(str(most)):
        sentence = f"The exposure asked for, {asked.exposure_eur} EUR, is above the limit of {most} EUR."
        yield Reason("limit_exposure", sentence, "exposure")


def _seal(by: Person, asked: _Asked, gathered: Gathered, answer: Answer, now: datetime) -> Admission:
    key = uuid.uuid4()
    ends = min(answer.expires_at or now + LONGEST, now + LONGEST) if answer.allowed else None
    statement = audit.seal(
        by=by,
        predicate_type=VSA,
        subjects=[_subject(asked)],
        predicate=_predicate(key, asked, gathered, answer, now, ends),
        event=EventName.ADMISSION_ANSWERED,
        about=Ref(type="admission", id=str(key), name=f"{asked.request.model}@{asked.request.version}"),
    )
    return Admission.objects.create(
        id=key,
        version=asked.version,
        model_key=asked.request.model,
        version_label=asked.request.version,
        digest=asked.version.digest if asked.version else asked.request.digest,
        use=asked.request.use,
        environment=asked.request.environment,
        population=asked.population,
        exposure_eur=asked.exposure_eur,
        outcome=answer.outcome,
        allowed=answer.allowed,
        reasons=[r.as_json() for r in answer.reasons],
        answer=_answer(key, answer, statement, ends),
        asked_by=by,
        asked_at=now,
        expires_at=ends,
        statement_digest=statement.digest,
    )


def _subject(asked: _Asked) -> Ref:
    """What the statement is about: the artifact where there is one, else the version, else what was asked."""
    name = f"model:{asked.request.model}@{asked.request.version}"
    if asked.version is not None:
        found = asked.version.artifact_id or asked.version.digest
    else:
        found = (
            asked.request.digest
            if _is_digest(asked.request.digest)
            else digest(canonical(asked.request.as_json()))
        )
    return Ref(type="version", id=name, name=name, digest=found)


def _is_digest(text: str) -> bool:
    return text.startswith("sha256:") and len(text) == 71 and all(c in "0123456789abcdef" for c in text[7:])


def _predicate(
    key: uuid.UUID, asked: _Asked, gathered: Gathered, answer: Answer, now: datetime, ends: datetime | None
) -> dict[str, Any]:
    request = asked.request
    where = f"countersign://models/{request.model}/versions/{request.version}?env={request.environment}"
    inputs = [
        {"uri": f"countersign://statements/{s}", "digest": {"sha256": s[7:]}} for s in gathered.statements()
    ]
    policies = [
        {"uri": f"countersign://policies/{p.id}@{p.version}", "digest": {"sha256": p.digest[7:]}}
        for p in gathered.policies
    ]
    tier = gathered.version.facts.get("model.tier") if gathered.version else None
    return {
        "verifier": {"id": "https://countersign.dev/deploy-gate"},
        "timeVerified": rfc3339(now),
        "resourceUri": where,
        "policy": policies[0] if policies else {"uri": "countersign://policies/none"},
        "inputAttestations": inputs,
        "verificationResult": "PASSED" if answer.allowed else "FAILED",
        "verifiedLevels": [f"TIER{tier}"] if tier and answer.allowed else [],
        "countersign": {
            "admissionId": str(key),
            "outcome": answer.outcome,
            "version": asked.version.digest if asked.version else None,
            "environment": request.environment,
            "use": request.use,
            "asked": {
                "digest": request.digest,
                "population": asked.population,
                "exposureEur": asked.exposure_eur,
            },
            "policies": policies,
            "limits": dict(answer.limits),
            "reasons": [r.as_json() for r in answer.reasons],
            "notAfter": rfc3339(ends) if ends else None,
        },
    }


def _answer(key: uuid.UUID, answer: Answer, statement: Statement, ends: datetime | None) -> bytes:
    document = {
        **answer.as_json(),
        "id": str(key),
        "expires_at": rfc3339(ends) if ends else None,
        "statement": json.loads(bytes(statement.envelope)),
        "statement_digest": statement.digest,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def ask_again(*, by: Person, admission: Admission) -> Admission:
    """The same question at a later second; nothing is written while the answer would still be pending."""
    row = admission.version
    place = Environment.objects.filter(key=admission.environment).first()
    if row is None or place is None:
        return admission
    use = _use(row, admission.use)
    request = Request(
        model=admission.model_key,
        version=admission.version_label,
        use=admission.use,
        environment=admission.environment,
        digest=admission.digest,
    )
    now = database_now()
    if gather(row, use, place, now).answer(request, now).outcome == admission.outcome:
        return admission
    return admit(
        by=by,
        model=admission.model_key,
        version=admission.version_label,
        environment=admission.environment,
        digest=admission.digest,
        use=admission.use,
        population=admission.population,
        exposure_eur=admission.exposure_eur,
    )
