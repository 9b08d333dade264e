"""What stands beside the reviews: an idea, a vendor's gaps, lineage, rounds, questions, an emergency."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from apps.access import commands as access
from apps.access.states import Unanswered
from apps.approvals import commands as approvals
from apps.approvals.models import AttestationRound
from apps.deploys import commands as deploys
from apps.deploys.queries import find_environment
from apps.gates.queries import latest_decision
from apps.inventory import commands as inventory
from apps.inventory.lineage import Thing, thing
from apps.inventory.models import ModelVersion
from apps.inventory.queries import find_unit
from apps.notices import commands as notices
from apps.reports.challenges import find_about
from governance.demo.people import Cast
from governance.demo.stage import use_of
from governance.local.commands import DEMO_HOOK

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
    _documents(cast, versions["credit-pd-1"])
    _lineage(cast, versions)
    _rounds(cast, versions)
    _questions(cast, versions["credit-pd-2"])
    _emergency(cast, versions["sme-default-1"])
    _chat(cast)


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


def review_vendor(cast: Cast, version: ModelVersion) -> None:
    """The vendor's file, without which no version of its model is submitted."""
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


def _documents(cast: Cast, version: ModelVersion) -> None:
    """A guide that ends soon, and a plan of which no end is known."""
    today = timezone.now().date()
    given: dict[str, Any] = {"by": cast["dana"], "model": version.model, "owner": cast["omar"], "label": "1"}
    inventory.register_document(
        **given,
        kind="user-guide",
        title="Guide for loan officers",
        filename="guide.txt",
        stream=io.BytesIO(b"Below 0.2 grant, above 0.4 decline, look yourself between the two.\n"),
        expires_on=today + timedelta(days=20),
    )
    inventory.register_document(
        **given,
        kind="monitoring-plan",
        title="Monitoring plan",
        filename="plan.txt",
        stream=io.BytesIO(b"Every month: discrimination, calibration, shift of scores, selection.\n"),
        review_on=today + timedelta(days=90),
    )


def _rounds(cast: Cast, versions: Versions) -> None:
    """One over the inventory, of which some is answered; one over the roles, of which nothing is."""
    due = timezone.now() + timedelta(days=21)
    asked = approvals.open_round(
        by=cast["hana"], title="The inventory of this year", due=due.date(), every_days=365
    )
    _answer(cast, asked, versions)
    access.open_campaign(
        by=cast.admin,
        title="Who may do what, this half-year",
        reviewers=[cast["hana"], cast["rob"]],
        due=due,
        unanswered=Unanswered.ESCALATE,
    )


def _answer(cast: Cast, asked: AttestationRound, versions: Versions) -> None:
    """The owner attests two entries and says what is wrong with a third."""
    entries = {entry.model.key: entry for entry in asked.entries.filter(model__owner=cast["omar"])}
    true = [versions[name].model.key for name in ("credit-pd-1", "collections-priority-1")]
    shown = {entries[key].pk: entries[key].snapshot_digest for key in true if key in entries}
    if shown:
        approvals.attest_entries(by=cast["omar"], shown=shown)
    wrong = entries.get(versions["sme-default-1"].model.key)
    if wrong is not None:
        said = "The exposure is of last year; the portfolio of vehicles was sold in spring."
        approvals.dispute_entry(by=cast["omar"], entry=wrong, wrong=said)


def _questions(cast: Cast, version: ModelVersion) -> None:
    """An effective challenge: asked of the developer, answered, and one question that waits."""
    decision = latest_decision(version, use_of(version))
    if decision is None:
        return
    about = find_about(cast["vera"], "decision", decision.statement_digest)
    asked = approvals.challenge(
        by=cast["vera"],
        about=about,
        said="question",
        text=f"@{cast['dana'].username} the training data ends in a year of low rates: what of today?",
    )
    answer = "Measured on the last twelve months alone it ranks as well; calibration is a little off."
    approvals.challenge(by=cast["dana"], about=about, text=answer, answers=asked)
    approvals.challenge(
        by=cast["hana"],
        about=about,
        said="question",
        text=f"@{cast['omar'].username} who watches the calibration after the first quarter?",
    )


def _chat(cast: Cast) -> None:
    """A webhook that somebody switched off with a trial still waiting; only where the host may be told."""
    if DEMO_HOOK not in settings.WEBHOOK_HOSTS:
        return
    made, _ = notices.add_endpoint(
        by=cast.admin,
        name="Risk desk",
        kind="webhook",
        address=f"{DEMO_HOOK.partition('=')[0]}/risk-desk",
        events=["finding.opened", "approval.revoked", "admission.answered"],
        owner=cast.admin,
    )
    notices.send_trial(by=cast.admin, endpoint=made)
    notices.stop_endpoint(by=cast.admin, endpoint=made, reason="The desk moves; its new address follows.")


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
