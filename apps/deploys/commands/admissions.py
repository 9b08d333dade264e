"""Answering pipelines: gather, ask the engine, seal, keep the bytes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from apps.access.guards import require_anywhere
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.models import Statement
from apps.audit.states import Ref
from apps.deploys.asking import Asked, Said, asked, read_request, use_of, weighed
from apps.deploys.facts import Gathered
from apps.deploys.logged import log_of
from apps.deploys.models import Admission, Environment
from apps.deploys.revocations import revocation_epoch
from apps.engine.admit import Admission as Answer
from apps.engine.admit import Request
from apps.engine.canonical import canonical, digest, rfc3339
from apps.gates.clock import database_now

VSA = "https://slsa.dev/verification_summary/v1"
LONGEST = timedelta(hours=24)


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
    jurisdiction: str = "",
    exposure_eur: str = "",
    experiment: str = "",
    share: str = "",
    deploy_type: str = "",
    properties: Mapping[str, Any] | None = None,
) -> Admission:
    """Answer allow or deny with every reason; the answer is sealed and never changes."""
    require_anywhere(by, Permission.ADMISSION_ASK)
    given = read_request(model=model, version=version, use=use, environment=environment, digest=digest)
    said = Said.of(
        population=population,
        jurisdiction=jurisdiction,
        exposure_eur=exposure_eur,
        experiment=experiment,
        share=share,
        deploy_type=deploy_type,
        properties=properties,
    )
    epoch = revocation_epoch()  # before the facts are read: what is taken away meanwhile makes it an old one
    about = asked(by, given, said)
    now = database_now()  # a service whose clock is behind revives nothing
    gathered, answer = weighed(about, now)
    return _seal(by, about, gathered, answer, _When(now, epoch))


@dataclass(frozen=True, slots=True)
class _When:
    """The second of an answer, and the revocation epoch that it belongs to."""

    now: datetime
    epoch: int


def _seal(by: Person, asked: Asked, gathered: Gathered, answer: Answer, when: _When) -> Admission:
    key, now = uuid.uuid4(), when.now
    ends = min(answer.expires_at or now + LONGEST, now + LONGEST) if answer.allowed else None
    statement = audit.seal(
        by=by,
        predicate_type=VSA,
        subjects=[_subject(asked)],
        predicate=_predicate(_Sealing(key, asked, gathered, answer, when, ends)),
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
        **asked.said.as_words(),
        outcome=answer.outcome,
        allowed=answer.allowed,
        reasons=[r.as_json() for r in answer.reasons],
        answer=_answer(key, answer, statement, ends),
        asked_by=by,
        asked_at=now,
        expires_at=ends,
        statement_digest=statement.digest,
    )


def _subject(asked: Asked) -> Ref:
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


@dataclass(frozen=True, slots=True)
class _Sealing:
    """What the statement of one answer is written from."""

    key: uuid.UUID
    asked: Asked
    gathered: Gathered
    answer: Answer
    when: _When
    ends: datetime | None


def _predicate(it: _Sealing) -> dict[str, Any]:
    asked, gathered, answer = it.asked, it.gathered, it.answer
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
    logged = log_of(gathered.decision.statement) if answer.allowed and gathered.decision else None
    return {
        "verifier": {"id": "https://countersign.dev/deploy-gate"},
        "timeVerified": rfc3339(it.when.now),
        "resourceUri": where,
        "policy": policies[0] if policies else {"uri": "countersign://policies/none"},
        "inputAttestations": inputs,
        "verificationResult": "PASSED" if answer.allowed else "FAILED",
        "verifiedLevels": [f"TIER{tier}"] if tier and answer.allowed else [],
        "countersign": {
            "admissionId": str(it.key),
            "outcome": answer.outcome,
            "version": asked.version.digest if asked.version else None,
            "environment": request.environment,
            "use": request.use,
            "asked": {
                "digest": request.digest,
                "population": asked.said.population,
                "jurisdiction": asked.said.jurisdiction,
                "exposureEur": asked.said.exposure_eur,
                **_experiment(asked.said),
                **_deploying(asked.said),
            },
            "policies": policies,
            "limits": dict(answer.limits),
            "reasons": [r.as_json() for r in answer.reasons],
            "notAfter": rfc3339(it.ends) if it.ends else None,
            "revocationEpoch": it.when.epoch,
            **({"breakGlass": True} if answer.break_glass else {}),
            **({"log": logged} if logged else {}),
        },
    }


def _experiment(said: Said) -> dict[str, str]:
    """The experiment that it was asked for, where it was for one."""
    return {"experiment": said.experiment, "share": said.share} if said.experiment else {}


def _deploying(said: Said) -> dict[str, Any]:
    """As what it would be deployed, and what was stated of that, where anything was."""
    told = {"type": said.deploy_type, "properties": dict(said.properties)}
    return {name: value for name, value in told.items() if value}


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
    use = use_of(row, admission.use)
    request = Request(
        model=admission.model_key,
        version=admission.version_label,
        use=admission.use,
        environment=admission.environment,
        digest=admission.digest,
    )
    said = Said.by(admission)
    about = Asked(request=request, said=said, version=row, use=use, environment=place)
    if weighed(about, database_now())[1].outcome == admission.outcome:
        return admission
    return admit(
        by=by,
        model=admission.model_key,
        version=admission.version_label,
        environment=admission.environment,
        digest=admission.digest,
        use=admission.use,
        **said.as_words(),
    )
