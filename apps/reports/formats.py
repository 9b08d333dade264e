"""A version in the formats that others read: each made anew from facts, none of them stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.access.guards import may, require
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals.models import Approval
from apps.approvals.states import ApprovalState
from apps.audit.errors import NotFound
from apps.audit.past import clock
from apps.engine.canonical import rfc3339
from apps.engine.cyclonedx import bill_of_materials
from apps.engine.errors import BadInput
from apps.engine.intoto import test_result, verification_result
from apps.engine.junit import junit_of
from apps.engine.model_card import model_card
from apps.engine.openlineage import run_event
from apps.engine.sarif import sarif_of
from apps.engine.spdx import spdx_document
from apps.gates.models import Decision
from apps.inventory.models import ModelVersion, RegisteredModel
from apps.inventory.queries import current_tier, find_version
from apps.reports.packs_lists import assessment_of, card_of

Made = Mapping[str, Any] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format: its name for people, its media type, how its file ends; some go out only signed."""

    key: str
    title: str
    media: str
    ending: str
    make: Callable[[ModelVersion, Decision | None], Made]
    signed: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """What is taken away."""

    name: str
    media: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Drawn:
    """A version in a format, not written yet."""

    chosen: Format
    name: str
    made: Made


def _svr(row: ModelVersion, decision: Decision | None) -> Made:
    rows = Approval.objects.filter(version=row, state=ApprovalState.GRANTED, expires_at__gt=clock())
    granted = list(rows.select_related("use").order_by("closed_at"))
    approved = [f"USE_{one.use.key}" for one in granted]
    approved += [f"ENVIRONMENT_{e}" for one in granted for e in one.limits.get("environments", ())]
    ends = [one.expires_at for one in granted if one.expires_at]
    return verification_result(
        card_of(row),
        approved=sorted(set(approved)),
        made_at=rfc3339(clock()),
        until=f"{min(ends):%Y-%m-%d}" if ends else "",
        tier=str(current_tier(row.model) or ""),
    )


def _needed(row: ModelVersion, decision: Decision | None) -> Decision:
    if decision is None:
        raise BadInput(f"There is no decision on {row} yet that it could speak of.")
    return decision


def _lineage(row: ModelVersion, decision: Decision | None) -> Made:
    run = str(decision.run_id) if decision else ""
    return run_event(card_of(row), run=run, at=rfc3339(decision.decided_at) if decision else "")


FORMATS: dict[str, Format] = {
    one.key: one
    for one in (
        Format(
            key="model-card",
            title="Model card (Markdown with front matter)",
            media="text/markdown; charset=utf-8",
            ending="md",
            make=lambda row, _: model_card(card_of(row)),
        ),
        Format(
            key="cyclonedx",
            title="CycloneDX 1.7 bill of materials",
            media="application/vnd.cyclonedx+json",
            ending="cdx.json",
            make=lambda row, _: bill_of_materials(card_of(row)),
        ),
        Format(
            key="spdx",
            title="SPDX 3.0.1, AI profile",
            media="application/spdx+json",
            ending="spdx.json",
            make=lambda row, _: spdx_document(card_of(row), domain=row.model.domain),
        ),
        Format(
            key="in-toto-test-result",
            title="Signed in-toto test result of the newest decision",
            media="application/vnd.in-toto.test-result+dsse",
            ending="test-result.json",
            make=lambda row, found: test_result(card_of(row), found.statement_digest if found else ""),
            signed=True,
        ),
        Format(
            key="in-toto-svr",
            title="Signed in-toto verification result of what is approved now",
            media="application/vnd.in-toto.svr+dsse",
            ending="svr.json",
            make=_svr,
            signed=True,
        ),
        Format(
            key="openlineage",
            title="OpenLineage run event of the newest decision",
            media="application/json",
            ending="openlineage.json",
            make=_lineage,
        ),
        Format(
            key="oscal",
            title="OSCAL 1.2.1 assessment results of the newest decision",
            media="application/oscal+json",
            ending="oscal.json",
            make=lambda row, found: assessment_of(_needed(row, found)),
        ),
        Format(
            key="junit",
            title="JUnit XML of the newest decision, a case for each gate",
            media="application/xml",
            ending="junit.xml",
            make=lambda row, found: junit_of(_needed(row, found).document),
        ),
        Format(
            key="sarif",
            title="SARIF 2.1.0 of the newest decision, a result for each gate",
            media="application/sarif+json",
            ending="sarif",
            make=lambda row, found: sarif_of(_needed(row, found).document, "model.yaml"),
        ),
    )
}


def drawn_as(by: Person, model: str, label: str, key: str) -> Drawn:
    """A version drawn from its facts; NotFound for a format or version that is not there."""
    row = find_version(by, model, label)
    require(by, Permission.EVIDENCE_SEE, row.model)
    if key in FORMATS and FORMATS[key].signed:
        require(by, Permission.EXPORT_MAKE, row.model)
    if key not in FORMATS:
        raise NotFound(f"“{key[:40]}” is no format; there are {', '.join(FORMATS)}.")
    chosen = FORMATS[key]
    safe = "".join(
        sign if (sign.isalnum() and sign.isascii()) or sign in "._-" else "_" for sign in f"{model}-{label}"
    )
    return Drawn(chosen, f"{safe}.{chosen.ending}", chosen.make(row, row.decisions.first()))


def takeable(by: Person, model: RegisteredModel) -> list[Format]:
    """The formats that the person may take of the versions of a model."""
    signed = may(by, Permission.EXPORT_MAKE, model)
    return [one for one in FORMATS.values() if signed or not one.signed]


def written(drawn: Drawn) -> File:
    """The file of what nobody signs."""
    made = drawn.made
    text = made if isinstance(made, str) else json.dumps(made, ensure_ascii=False, indent=1, allow_nan=False)
    return File(drawn.name, drawn.chosen.media, text.encode())
