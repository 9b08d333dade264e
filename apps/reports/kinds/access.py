"""Who may do what, who reviewed it, and what was released past it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Count, Q

from apps.access.lending import standing_at
from apps.access.models import ApiToken, Campaign, Person
from apps.access.queries import standing_grants, visible_models
from apps.access.roles import all_roles
from apps.access.states import APPROVES, BUILDS, Permission, Role
from apps.reports.documents import SEALED, Document, Section, Table, many, who, words
from apps.reports.kinds import emergencies

YEAR = timedelta(days=366)


def access_review(by: Person, now: datetime) -> Document:
    """Who holds which role where, who could both build and approve, and which tokens are out."""
    grants = list(
        standing_grants().select_related("person", "granted_by").order_by("person__username", "role")
    )
    tokens = ApiToken.objects.filter(revoked_at=None, expires_at__gt=now).select_related("person")
    held: dict[Person, set[str]] = {}
    for grant in grants:
        held.setdefault(grant.person, set()).add(grant.role)
    known = all_roles()
    broken = emergencies.emergencies(visible_models(by), now - YEAR, now)
    both = [
        person
        for person, keys in held.items()
        if _holds(known, keys, BUILDS) and _holds(known, keys, APPROVES)
    ]
    summary = [
        f"{len(held)} people and services hold {len(grants)} roles.",
        many(len(both), "person holds", "people hold")
        + " roles that build and roles that approve; the service refuses both on one model.",
        many(tokens.count(), "token is valid.", "tokens are valid."),
        emergencies.sentence(broken, "in the last twelve months"),
    ]
    roles = [
        [
            who(g.person),
            words(known[g.role].title if g.role in known else g.role),
            words(f"{g.scope} {g.scope_key}".strip()),
            words(f"{g.valid_from:%Y-%m-%d}"),
            words(f"{g.valid_to:%Y-%m-%d}" if g.valid_to else "without end"),
            who(g.granted_by) if g.granted_by else words(""),
            words(g.reason),
        ]
        for g in grants
    ]
    out = [
        [who(t.person), words(t.name), words(", ".join(t.scopes)), words(f"{t.expires_at:%Y-%m-%d}")]
        for t in tokens.order_by("expires_at")
    ]
    sections = [
        Section(
            "Roles",
            [],
            [
                Table(
                    "Grants that hold",
                    ("Who", "Role", "Where", "From", "Until", "Granted by", "Reason"),
                    roles,
                )
            ],
        ),
        *_reviewed(now),
        Section(
            "Both sides",
            [],
            [Table("Who could build and approve", ("Who",), [[who(p)] for p in both], empty="Nobody.")],
        ),
        Section(
            "Tokens",
            [],
            [Table("Tokens that are valid", ("Whose", "Name", "May", "Until"), out, empty="None.")],
        ),
        emergencies.section(broken),
    ]
    return Document("Access review", f"as of {now:%Y-%m-%d %H:%M} UTC", summary, sections)


def _reviewed(now: datetime) -> list[Section]:
    """The reviews of roles of the last year with what was answered, and whose reviews somebody else does."""
    since = now - YEAR
    rows = (
        Campaign.objects.filter(opened_at__gte=since)
        .select_related("opened_by")
        .annotate(
            asked=Count("items", distinct=True),
            kept=Count("items", filter=Q(items__answer__kept=True), distinct=True),
            ended=Count("items", filter=Q(items__answer__kept=False), distinct=True),
        )
    )
    reviews = [
        [
            words(row.title),
            words(f"{row.scope} {row.scope_key}".strip()),
            words(f"{row.due:%Y-%m-%d}"),
            who(row.opened_by),
            words(f"{row.kept} kept, {row.ended} ended, of {row.asked}"),
            words(f"{row.closed_at:%Y-%m-%d}" if row.closed_at else "open"),
            words("sealed", SEALED, row.statement_digest)
            if row.statement_digest
            else words("not sealed yet"),
        ]
        for row in rows
    ]
    lent = [
        [
            who(row.delegator),
            who(row.delegate),
            words(row.permission),
            words(f"{row.scope} {row.scope_key}".strip()),
            words(f"{row.valid_to:%Y-%m-%d}"),
            words(row.reason),
        ]
        for row in standing_at(now)
    ]
    heads = ("Review", "Of", "Due", "Opened by", "Answers", "Closed", "Statement")
    handed = ("Whose", "Done by", "Which", "Where", "Until", "Reason")
    return [
        Section("Reviews of roles", [], [Table("In the last year", heads, reviews, empty="None.")]),
        Section("Reviews handed on", [], [Table("That hold", handed, lent, empty="None.")]),
    ]


def _holds(known: Mapping[str, Role], keys: set[str], permissions: frozenset[Permission]) -> bool:
    return any(known[key].permissions & permissions for key in keys if key in known)
