"""What stands beside the reviews: an idea, a vendor's gaps, lineage, rounds, an emergency under review."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from apps.access import commands as access
from apps.access.states import Unanswered
from apps.approvals import commands as approvals
from apps.deploys import commands as deploys
from apps.deploys.queries import find_environment
from apps.inventory import commands as inventory
from apps.inventory.lineage import Thing, thing
from apps.inventory.models import ModelVersion
from apps.inventory.queries import find_unit
from governance.demo.people import Cast
from governance.demo.stage import use_of

Versions = dict[str, ModelVersion]
CHECKED = {
    "development_data": ("partly", "European cards of 2022 to 2024; no word of how frauds were labelled."),
    "assumptions": ("yes", ""),
    "limits": ("no", ""),
    "outcomes_testing": ("yes", "Three months of our own chargebacks."),
    "change_notices": ("yes", "Clause 14."),
    "performance": ("yes", ""),
    "security": ("yes", ""),
}


def furnish(cast: Cast, versions: Versions) -> None:
    """Everything that needs no worker."""
    _idea(cast)
    _vendor(cast, versions["vendor-fraud-1"])
    _lineage(cast, versions)
    _rounds(cast)
    _emergency(cast, versions["sme-default-1"])


def _idea(cast: Cast) -> None:
    inventory.open_idea(
        by=cast["dana"],
        key="support-assistant",
        title="Assistant that drafts answers to customers",
        kind="generative",
        unit=find_unit("payments"),
        owner=cast["omar"],
        use="customer_answers",
        purpose="Drafts answers to customers' letters; a person reads each before it is sent.",
        answers={"purpose": "internal", "complexity": "generative", "autonomy": "person_decides"},
    )


def _vendor(cast: Cast, version: ModelVersion) -> None:
    answers = {name: {"met": met, "note": note} for name, (met, note) in CHECKED.items()}
    approvals.review_vendor(by=cast["vera"], model=version.model, vendor="Shieldpay", answers=answers)
    inventory.note_change(
        by=cast["dana"],
        model=version.model,
        announces="2",
        told_on=timezone.now().date(),
        summary="Version 2 will be trained on cards of 2025 as well; scores may move by a few points.",
    )


def _lineage(cast: Cast, versions: Versions) -> None:
    """The applicants' income feeds the credit model, whose score feeds the order of collections."""
    by, credit = cast["dana"], Thing.of(versions["credit-pd-1"])
    raw = thing("dataset", "core.applications", namespace="warehouse")
    income = thing("feature", "income_3m", namespace="feature-store", label="4")
    inventory.state_edge(by=by, kind="derives", upstream=raw, downstream=income)
    inventory.state_edge(by=by, kind="feeds", upstream=income, downstream=credit)
    collections = Thing.of(versions["collections-priority-1"])
    inventory.state_edge(by=by, kind="feeds", upstream=credit, downstream=collections)


def _rounds(cast: Cast) -> None:
    due = timezone.now() + timedelta(days=21)
    approvals.open_round(by=cast["hana"], title="The inventory of this year", due=due.date(), every_days=365)
    access.open_campaign(
        by=cast.admin,
        title="Who may do what, this half-year",
        reviewers=[cast["hana"], cast["rob"]],
        due=due,
        unanswered=Unanswered.ESCALATE,
    )


def _emergency(cast: Cast, version: ModelVersion) -> None:
    """Two people let it run for half an hour; what came of it is to be looked at."""
    now = timezone.now()
    asked = deploys.ask_to_break_glass(
        by=cast["rob"],
        version=version,
        use=use_of(version),
        environment=find_environment("production"),
        minutes=30,
        reason="The service of the old scores is down and loans of firms cannot be decided.",
        ticket="INC-4711",
        reauthenticated_at=now,
    )
    deploys.break_glass(by=cast["hana"], request=asked, reauthenticated_at=now)
