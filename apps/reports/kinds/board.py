"""Reports over many models: the portfolio, a period's attestations, policy coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.approvals import rounds
from apps.approvals.models import Attestation, Waiver
from apps.approvals.queries import open_counts, visible_findings
from apps.costs.models import CostEntry
from apps.costs.queries import currency
from apps.gates import coverage
from apps.gates.models import Decision
from apps.gates.queries import newest_outcomes
from apps.gates.states import Purpose
from apps.inventory.listing import with_standing
from apps.inventory.models import Tiering
from apps.reports.documents import (
    COUNTED,
    RECORDED,
    SEALED,
    Cell,
    Document,
    Section,
    Table,
    label,
    many,
    number,
    who,
    words,
)
from apps.reports.kinds import emergencies

YEAR = timedelta(days=366)
SOON = timedelta(days=60)
_WORDS = {
    "pass": "meets its requirements",
    "fail": "does not meet them",
    "insufficient": "data do not suffice",
    "error": "could not be checked",
    "no_policy": "no policy applies",
    "": "nothing decided",
}


def portfolio(by: Person, now: datetime) -> Document:
    """What a board asks: how many models, how many fail, what is open, what ends soon, what it costs."""
    models: list[Any] = list(
        with_standing(visible_models(by)).select_related("owner", "unit").order_by("key")
    )
    outcomes, findings = newest_outcomes(models), open_counts(models)
    decided, tiered = _decided(models), _tiered(models)
    failing = [m for m in models if outcomes.get(m.pk) in ("fail", "insufficient", "error")]
    overdue = visible_findings(by).exclude(state="closed").filter(due__lt=now.date()).count()
    spent = CostEntry.objects.filter(currency=currency(), entered_at__gte=now - timedelta(days=365))
    amount = spent.aggregate(sum=Sum("amount"))["sum"] or 0
    waivers = Waiver.objects.filter(version__model__in=models, valid_from__lte=now, valid_to__gt=now)
    ending = waivers.filter(valid_to__lte=now + SOON).count()
    broken = emergencies.emergencies(models, now - YEAR, now)
    summary = [
        f"{many(len(models), 'model is', 'models are')} in the inventory; {len(failing)} of them "
        f"{'does' if len(failing) == 1 else 'do'} not meet what is required now.",
        many(
            sum(findings.values()), "finding is open", f"findings are open, {overdue} of them past their date"
        )
        + ".",
        many(waivers.count(), "waiver holds", f"waivers hold; {ending} end within 60 days") + ".",
        emergencies.sentence(broken, "in the last twelve months"),
        f"Control cost {amount:.2f} {currency()} in the last twelve months.",
    ]
    rows = [
        [
            words(_named(m)),
            who(m.owner),
            number(m.tier, SEALED if m.pk in tiered else RECORDED, tiered.get(m.pk, "")),
            _outcome(outcomes.get(m.pk, ""), decided.get(m.pk)),
            number(findings.get(m.pk, 0), COUNTED),
        ]
        for m in models
    ]
    tiers = Counter(str(m.tier or "none") for m in models)
    by_tier = [[label(tier), number(count, COUNTED)] for tier, count in sorted(tiers.items())]
    sections = [
        Section(
            "At a glance",
            [],
            [
                Table("Models by tier", ("Tier", "Models"), by_tier, drawn="Models"),
                _outcomes([outcomes.get(m.pk, "") for m in models]),
                _ages(by, now),
            ],
        ),
        Section(
            "Model by model",
            [],
            [Table("Portfolio", ("Model", "Owner", "Tier", "Newest decision", "Open findings"), rows)],
        ),
        Section("Waivers that hold", [], [_waivers(list(waivers.order_by("valid_to")))]),
        emergencies.section(broken),
    ]
    return Document("Portfolio report", f"as of {now:%Y-%m-%d %H:%M} UTC", summary, sections)


def _named(model: Any) -> str:
    return f"{model.title} ({model.key})"


def _outcomes(found: Sequence[str]) -> Table:
    counts = Counter(found)
    rows = [[label(_WORDS.get(o, o)), number(counts[o], COUNTED)] for o in _WORDS if counts[o]]
    return Table("Models by newest decision", ("Newest decision", "Models"), rows, drawn="Models")


def _ages(by: Person, now: datetime) -> Table:
    """Open findings by how long ago they were due."""
    late = [(now.date() - f.due).days for f in visible_findings(by).exclude(state="closed")]
    spans = (
        ("not due yet", -(10**6), 0),
        ("1 to 30 days late", 1, 30),
        ("31 to 90 days late", 31, 90),
        ("more than 90 days late", 91, 10**6),
    )
    rows = [
        [label(name), number(sum(low <= days <= high for days in late), COUNTED)] for name, low, high in spans
    ]
    return Table("Open findings by age", ("Due", "Findings"), rows if late else [], "None.", drawn="Findings")


def _decided(models: Sequence[Any]) -> dict[int, Decision]:
    """The newest decision for approval on any version of each model."""
    rows = Decision.objects.filter(version__model__in=models, purpose=Purpose.APPROVAL)
    newest = rows.order_by("version__model_id", "-decided_at", "-id").distinct("version__model_id")
    return {row.version.model_id: row for row in newest.select_related("version")}


def _tiered(models: Sequence[Any]) -> dict[int, str]:
    """The statement of each model's present tier."""
    rows = Tiering.objects.filter(model__in=models).order_by("model_id", "-assigned_at", "-id")
    return {row.model_id: row.statement_digest for row in rows.distinct("model_id") if row.statement_digest}


def _outcome(outcome: str, decision: Decision | None) -> Cell:
    """An outcome with its statement, where that is the one it is of."""
    if decision is None or decision.outcome != outcome:
        return words(outcome or "not decided")
    return words(outcome, SEALED, decision.statement_digest)


def _waivers(rows: list[Waiver]) -> Table:
    return Table(
        "Waivers, soonest end first",
        ("Version", "Gate", "Until", "Compensating control"),
        [
            [
                words(w.version, SEALED, w.statement_digest),
                words(w.gate, SEALED, w.statement_digest),
                words(f"{w.valid_to:%Y-%m-%d}", SEALED, w.statement_digest),
                words(w.compensating_control, SEALED, w.statement_digest),
            ]
            for w in rows
        ],
        empty="Nothing is waived.",
    )


def attestations(by: Person, now: datetime, since: datetime, until: datetime) -> Document:
    """Which entries were attested within a period, by whom; and which were not."""
    models = list(visible_models(by).select_related("owner").order_by("key"))
    rows = Attestation.objects.filter(model__in=models, attested_at__gte=since, attested_at__lt=until)
    last = {row.model_id: row for row in rows.select_related("person").order_by("attested_at")}
    missing = [m for m in models if m.pk not in last]
    broken = emergencies.emergencies(models, since, until)
    summary = [
        f"{len(last)} of {len(models)} entries were attested from {since:%Y-%m-%d} to {until:%Y-%m-%d}.",
        f"{len(missing)} were not." if missing else "None is missing.",
        emergencies.sentence(broken, "in the period"),
    ]
    table = [
        [
            words(_named(m)),
            who(m.owner),
            who(last[m.pk].person, SEALED, _digest(last[m.pk])) if m.pk in last else words("not attested"),
            words(
                f"{last[m.pk].attested_at:%Y-%m-%d}" if m.pk in last else "", SEALED, _digest(last.get(m.pk))
            ),
        ]
        for m in models
    ]
    head = ("Model", "Owner", "Attested by", "On")
    sections = [
        Section("Entry by entry", [], [Table("Attestations", head, table)]),
        Section("Rounds due in the period", [], [_rounds(by, since, until)]),
        emergencies.section(broken),
    ]
    return Document("Period attestation", f"{since:%Y-%m-%d} to {until:%Y-%m-%d}", summary, sections)


def _rounds(by: Person, since: datetime, until: datetime) -> Table:
    rows = rounds.visible_rounds(by).filter(due__gte=since.date(), due__lt=until.date()).order_by("due")
    asked = list(rows)
    found = rounds.counts(asked, by)
    outcomes = ("attested", "wrong", "missed", "waiting")
    table = [
        [
            words(row.title),
            words(rounds.told(row.scope)),
            words(row.due.isoformat()),
            *(number(found[row.pk][outcome], COUNTED) for outcome in outcomes),
        ]
        for row in asked
    ]
    head = ("Round", "Over", "Due", "Attested", "Wrong", "Missed", "Waiting")
    return Table("Rounds", head, table, empty="No round was due in this period.")


def _digest(row: Attestation | None) -> str:
    return row.statement_digest if row is not None else ""


def policy_coverage(by: Person, now: datetime, framework: str) -> Document:
    """For each control of a framework: what serves it, and for which models it holds."""
    found, _ = coverage.framework(framework)
    rows = coverage.covered(by, framework, now)
    served = [row for row in rows if row.served]
    summary = [
        f"{len(served)} of {len(rows)} controls of {found.title} are served by the policies in force.",
        *[f"Nothing serves {row.control.id}: {row.control.title}." for row in rows if not row.served],
    ]
    table = [
        [
            words(row.control.id),
            words(row.control.title),
            words(row.control.citation),
            words(", ".join(f"{one.policy}: {one.title}" for one in row.served) or "nothing", RECORDED),
            number(len(row.covered), COUNTED),
            number(len(row.partly), COUNTED),
            number(len(row.uncovered), COUNTED),
        ]
        for row in rows
    ]
    head = ("Control", "Asks", "Citation", "Served by", "Held", "Partly", "Not held")
    return Document(
        "Policy coverage",
        found.title,
        summary,
        [Section("Control by control", [], [Table("Coverage", head, table)])],
    )
