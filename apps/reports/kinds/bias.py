"""The summary of a bias audit, with what New York City's rule asks an employer to publish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from apps.access.models import Person
from apps.audit.errors import Refused
from apps.inventory.models import ModelVersion
from apps.reports.documents import (
    MEASURED,
    RECORDED,
    SEALED,
    SELF_REPORTED,
    Cell,
    Document,
    Section,
    Table,
    label,
    number,
    words,
)
from apps.reports.kinds.model import identity, named, statements
from apps.reports.kinds.sealed import Sealed, sealed_decisions

SELECTION, SCORING = "fairness.ll144_selection", "fairness.ll144_scoring"
JOIN = " × "
A_YEAR = timedelta(days=365)
SEX, RACE = ("sex", "gender"), ("race_ethnicity", "race", "ethnicity")
INDEPENDENCE, SOURCE = "auditor-independence", "audit-data-source"
RULES_SHARE = 0.02
CITED = "6 RCNY § 5-300 to § 5-303"


@dataclass(frozen=True, slots=True)
class Audit:
    """One measurement of impact ratios, and the decision that it was taken for."""

    sealed: Sealed
    gate: Mapping[str, Any]

    @property
    def said(self) -> Mapping[str, Any]:
        """What was measured."""
        return self.sealed.measurement(self.gate)

    @property
    def evidence(self) -> str:
        """The statement that seals it."""
        return str(self.gate.get("evidence") or "")

    @property
    def scoring(self) -> bool:
        """Whether it counts scores above the median; else who was selected."""
        return bool(self.gate["check"] == SCORING)

    @property
    def rate(self) -> str:
        return "Scoring rate" if self.scoring else "Selection rate"

    @property
    def at(self) -> datetime | None:
        return parse_datetime(str(self.sealed.predicate.get("decided_at") or ""))

    @property
    def attributes(self) -> dict[str, list[Mapping[str, Any]]]:
        """The categories of each attribute, in the order measured."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for group in self.said.get("groups") or ():
            found.setdefault(str(group.get("attribute") or "category"), []).append(group)
        return found

    @property
    def unknown(self) -> list[Mapping[str, Any]]:
        return list((self.said.get("tables") or {}).get("unknown") or ())

    def number(self, value: int | None) -> Cell:
        return number(value, MEASURED, self.evidence)

    def ratio(self, value: float | None) -> Cell:
        """A ratio with its three digits, also where a statement holds a whole number."""
        return number(None if value is None else float(value), MEASURED, self.evidence, digits=3)

    def words(self, text: object) -> Cell:
        return words(text, MEASURED, self.evidence)


def bias_audit(version: ModelVersion, now: datetime, scope: Mapping[str, Any], by: Person) -> Document:
    """Rates and impact ratios by category, and the dates, counts and sources that are published with them."""
    found = sealed_decisions(version)
    audits = _audits(found)
    if not audits:
        raise Refused(
            f"No impact ratio of {version} was measured: it has no gate of {SELECTION} or {SCORING}."
        )
    summary = [
        *_opening(version, audits, now),
        *(s for one in audits for s in _told(one)),
        *_gaps(audits, scope),
    ]
    sections = [
        Section("What is published with the rates", [], [_published(version, audits, scope, by)]),
        *(Section(_heading(one), _method(one), list(_tables(one))) for one in audits),
        identity(version),
    ]
    return Document("Bias audit (NYC Local Law 144)", named(version), summary, sections, statements(found))


def _audits(found: Sequence[Sealed]) -> list[Audit]:
    """The first measurement of each kind for each use; a second gate of the same check says the same."""
    seen: dict[tuple[str, str], Audit] = {}
    for one in found:
        for gate in one.predicate["gates"]:
            if gate["check"] in (SELECTION, SCORING) and one.measurement(gate):
                seen.setdefault((str(gate["check"]), one.use.key), Audit(one, gate))
    return list(seen.values())


# --- The first page --------------------------------------------------------------------------------------


def _opening(version: ModelVersion, audits: Sequence[Audit], now: datetime) -> Iterator[str]:
    uses = ", ".join(sorted({one.sealed.use.key for one in audits}))
    yield f"This sums up a bias audit of {version.model.title}, version {version.label}, for {uses}."
    dates = sorted(one.at for one in audits if one.at is not None)
    if dates:
        ends = dates[0] + A_YEAR
        held = "may be relied on until" if ends > now else "could be relied on until"
        yield f"The audit was done on {_day(dates[0])} and {held} {_day(ends)}, one year later."


def _told(one: Audit) -> Iterator[str]:
    what = (
        "A scoring rate is the share of a category that scored above the median of everybody assessed."
        if one.scoring
        else "A selection rate is the share of a category that was selected."
    )
    yield f"{what} An impact ratio divides it by the highest rate of any category."
    for attribute, groups in one.attributes.items():
        rated = [g for g in groups if g.get("ratio") is not None]
        if rated:
            lowest = min(rated, key=lambda g: float(g["ratio"]))
            yield (
                f"By {plain(attribute)}, the lowest impact ratio is {lowest['ratio']:.3f}, "
                f"of {lowest['group']} ({lowest['n']:,} people)."
            )
    yield from (one.said.get("notes") or () if one.said.get("status") != "measured" else ())
    yield "The law asks that these numbers are published. It sets none that passes or fails."


def _gaps(audits: Sequence[Audit], scope: Mapping[str, Any]) -> Iterator[str]:
    """What the rule asks for and this summary lacks, each in a sentence."""
    for one in audits:
        there = {frozenset(name.split(JOIN)) for name in one.attributes}
        for what, wanted in (("sex", SEX), ("race or ethnicity", RACE)):
            if not any(names & set(wanted) and len(names) == 1 for names in there):
                yield f"The rule asks for the rates by {what}, which were not measured."
        if not any(names & set(SEX) and names & set(RACE) for names in there):
            yield "The rule asks for the rates by sex and race or ethnicity together; they were not measured."
    if not scope.get("distributed"):
        yield "The distribution date of the tool was not stated, and has to be published with this summary."
    if not scope.get("source"):
        yield "The source of the data was not explained, and has to be published with this summary."


# --- What is published with the rates --------------------------------------------------------------------


def _published(version: ModelVersion, audits: Sequence[Audit], scope: Mapping[str, Any], by: Person) -> Table:
    stated = f"stated by {by} when asking for this summary"
    given = {d.key: d for d in version.documents.order_by("given_at")}
    rows = [
        *([label("Date of the bias audit"), words(_day(a.at), SEALED, a.sealed.digest)] for a in audits[:1]),
        [label("Distribution date of the tool"), _stated(scope.get("distributed"), stated)],
        [label("Source and explanation of the data"), _stated(scope.get("source"), stated)],
        *([label(f"Data set {d.name}"), _data(d)] for d in version.datasets.order_by("name")),
        [label("Explanation of the data, as a document"), _document(given.get(SOURCE))],
        [label("Declaration of the auditor's independence"), _document(given.get(INDEPENDENCE))],
    ]
    for one in audits:
        more = f" ({one.rate.lower()}s)" if len(audits) > 1 else ""
        rows.append([label(f"People assessed{more}"), one.number(one.said.get("n"))])
        rows += [
            [label(f"Of unknown {plain(row['attribute'])}{more}"), one.number(row["unknown"])]
            for row in one.unknown
        ]
        rows += [[label(what + more), one.words(told)] for what, told in _rules(one)]
    return Table(f"As {CITED} ask", ("What", "Value"), rows)


def _stated(text: object, stated: str) -> Cell:
    return words(f"{text} ({stated})", SELF_REPORTED) if text else words("not stated")


def _data(row: Any) -> Cell:
    said = [str(row.declared[key]) for key in ("title", "description", "source") if row.declared.get(key)]
    return words("; ".join([*said, f"{row.rows:,} rows", row.digest]), RECORDED)


def _document(row: Any) -> Cell:
    if row is None:
        return words("none was given")
    told = f"given by {row.given_by} on {row.given_at:%Y-%m-%d}; {row.blob_digest}"
    return words(told, SEALED, row.statement_digest)


def _rules(one: Audit) -> Iterator[tuple[str, str]]:
    given = one.said.get("parameters") or {}
    if one.scoring and given.get("median") is not None:
        yield (
            "Median score",
            f"{given['median']:.6g}, of everybody assessed; a rate counts who is strictly above",
        )
    share = _least_share(one)
    for attribute, names in (given.get("excluded") or {}).items():
        yield (
            f"Left out of the impact ratios by {plain(attribute)}",
            f"{', '.join(names)}: under {share:.0%} of the people of known category, as § 5-301(d) allows",
        )


# --- The tables ------------------------------------------------------------------------------------------


def _heading(one: Audit) -> str:
    return f"{one.rate}s and impact ratios, {one.sealed.use.key}"


def _method(one: Audit) -> list[str]:
    if one.said.get("status") != "measured":
        return [f"No impact ratio could be computed: {' '.join(one.said.get('notes') or ())}"]
    return ["The impact ratio of a category is its rate over the highest rate; that category has 1.000."]


def _tables(one: Audit) -> Iterator[Table]:
    for attribute, groups in one.attributes.items():
        parts = attribute.split(JOIN)
        head = (*(plain(part).capitalize() for part in parts), *_heads(one))
        known = sum(int(g["n"]) for g in groups)
        rows = [_category(one, g, len(parts), known) for g in groups]
        unknown = [row for row in one.unknown if row["attribute"] == attribute]
        told = [
            f"{row['unknown']:,} of {row['n']:,} people are of unknown {plain(attribute)} and in no category."
            for row in unknown
        ]
        caption = f"{one.rate}s and impact ratios by {plain(attribute)}"
        yield Table(caption, head, rows, drawn="Impact ratio", told=told)


def _heads(one: Audit) -> tuple[str, ...]:
    return (
        "People",
        "Share",
        "Above median" if one.scoring else "Selected",
        one.rate,
        "Impact ratio",
        "Note",
    )


def _category(one: Audit, group: Mapping[str, Any], parts: int, known: int) -> list[Cell]:
    names = str(group["group"]).split(JOIN) if parts > 1 else [str(group["group"])]
    counts = group.get("counts") or {}
    hits = counts.get("above_median" if one.scoring else "selected")
    return [
        *(one.words(name) for name in names),
        one.number(group["n"]),
        _share(one, group["n"] / known if known else None),
        one.number(hits),
        _share(one, group.get("value")),
        one.ratio(group.get("ratio")),
        one.words(_note(one, group)),
    ]


def _share(one: Audit, value: float | None) -> Cell:
    """A share in percent; the note tells why one is missing."""
    return Cell("–" if value is None else f"{value:.1%}", MEASURED, one.evidence, number=True)


def _least_share(one: Audit) -> float:
    """The share below which a category is left out of the ratios; what the rule allows unless said."""
    return float((one.said.get("parameters") or {}).get("exclude_below_share", RULES_SHARE))


def _note(one: Audit, group: Mapping[str, Any]) -> str:
    if group.get("note") == "reference":
        return "highest rate"
    known_size = int((one.said.get("parameters") or {}).get("min_group_size", 1)) <= 1
    if group.get("status") == "insufficient" and known_size:
        return f"under {_least_share(one):.0%}: left out of the ratios"
    return str(group.get("note") or ("" if group.get("status") == "measured" else group.get("status")))


def plain(attribute: str) -> str:
    """The name of an attribute as people say it.

    >>> plain("race_ethnicity"), plain("sex × race_ethnicity")
    ('race or ethnicity', 'sex and race or ethnicity')
    """
    names = [
        "race or ethnicity" if part in RACE else part.replace("_", " ") for part in attribute.split(JOIN)
    ]
    return " and ".join(names)


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else ""
