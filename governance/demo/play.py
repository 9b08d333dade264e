"""Plays the fixtures through the commands, as people would: even the demo has a true audit trail."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.approvals.models import Approval
from apps.approvals.queries import shown_digest
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Ref, system
from apps.costs import commands as costs
from apps.deploys import commands as deploys
from apps.gates import commands as gates
from apps.gates.models import Decision, Run
from apps.gates.queries import latest_decision
from apps.gates.states import Purpose
from apps.inventory import commands as inventory
from apps.inventory.models import ModelVersion, RegisteredModel
from apps.reports.commands import request_report, sign_report
from apps.reports.queries import newest_blob
from governance.demo.more import furnish, review_vendor
from governance.demo.people import PASSWORD, Cast, give_token, hire
from governance.demo.stage import Say, await_report, await_runs, register, use_of

__all__ = ["PASSWORD", "play"]

UNITS = (
    ("retail-banking", "Retail banking"),
    ("business-banking", "Business banking"),
    ("payments", "Payments"),
    ("health-insurance", "Health insurance"),
)
ENVIRONMENTS = (("staging", "Staging"), ("production", "Production"))
# Each with what the firm answers to its scorecard, and why; the second version of a model keeps the tier.
QUESTIONS = ("purpose", "exposure_eur", "customer_impact", "complexity", "autonomy")
MODELS: tuple[tuple[str, tuple[object, ...], str], ...] = (
    ("credit-pd-1", ("credit_decision", 120_000_000, "denial", "trees", "nobody"),
     "A large portfolio, decided without a person in the loop."),
    ("card-limit-1", ("credit_decision", 20_000_000, "denial", "trees", "person_confirms"),
     "Decides on people's credit."),
    ("sme-default-1", ("credit_decision", 90_000_000, "denial", "trees", "person_decides"),
     "Decides on firms' credit."),
    ("overdraft-pd-1", ("credit_decision", 12_000_000, "denial", "linear", "person_confirms"),
     "Decides on people's credit."),
    ("breast-triage-1", ("internal", 0, "denial", "linear", "person_confirms"),
     "A physician looks at every case."),
    ("collections-priority-1", ("collections", 5_000_000, "inconvenience", "trees", "person_decides"),
     "Orders calls; decides nothing."),
    ("vendor-fraud-1", ("fraud", 3_000_000, "inconvenience", "trees", "person_may_stop"),
     "Holds payments back for an hour."),
    ("wine-cultivar-1", ("internal", 0, "none", "linear", "person_decides"), "A small cellar."),
    ("diabetes-progress-1", ("internal", 0, "inconvenience", "linear", "person_decides"),
     "Helps to plan visits."),
    ("credit-pd-2", (), ""),
)  # fmt: skip
# The one pack of a regulation that the demo's firm has adopted, and the models that it is for.
ADOPTED = "nist-ai-rmf"
IN_SCOPE = {
    "credit-pd": "Decides on people without a person in the loop.",
    "card-limit": "Decides on people's credit.",
}


def play(say: Say) -> None:
    """Everything: people, policies, models, runs by workers, reviews, reports, requests of the pipeline."""
    say("Hiring the demo people.")
    cast = hire()
    _prepare(cast, say)
    versions, runs = _register(cast, say)
    say("The workers measure every gate.")
    await_runs(runs, say)
    say("Reviewing: validators and risk officers sign, blind to each other.")
    _reviews(cast, versions)
    furnish(cast, versions)
    say("Monitoring a model whose world has changed.")
    _monitor(cast, versions["collections-priority-1"], say)
    say("The pipeline asks which versions may run.")
    _ask(cast, versions)
    path = give_token(cast)
    say(f"A token for the pipeline lies in {path}")
    shown = Ref(type="demo", id="portfolio", name="demo portfolio")
    audit.record(by=system("demo"), action=EventName.DEMO_PLAYED, subject=shown)


def _prepare(cast: Cast, say: Say) -> None:
    units = {key: inventory.declare_unit(by=cast.admin, key=key, title=title) for key, title in UNITS}
    for key, title in ENVIRONMENTS:
        deploys.declare_environment(by=cast["pia"], key=key, title=title)
    folder = Path(settings.BASE_DIR) / "policies"
    release = partial(gates.sync_policies, by=cast["paul"], proposed_by=cast["pia"], folder=folder)
    released = [*release(), *release(names=[ADOPTED])]
    say(f"Released {len(released)} policies, each by two people.")
    month = timezone.now().date().replace(day=1)
    costs.set_budget(by=cast["hana"], unit=units["retail-banking"], month=month, amount=Decimal("250.00"))


def _register(cast: Cast, say: Say) -> tuple[dict[str, ModelVersion], list[Run]]:
    """Register each version and ask for its run at once: the workers begin while the next is registered."""
    versions, runs = {}, []
    for number, (folder, answers, why) in enumerate(MODELS, 1):
        say(f"Registering {folder} ({number} of {len(MODELS)})")
        version = versions[folder] = register(cast["dana"], folder)
        if why:
            told = dict(zip(QUESTIONS, answers, strict=True))
            inventory.assign_tier(by=cast["hana"], model=version.model, answers=told, rationale=why)
            _scope(cast, version.model)
        runs.append(_run(cast, version))
    return versions, runs


def _scope(cast: Cast, model: RegisteredModel) -> None:
    """Whether the adopted framework is for this model: voluntary, so the firm says for which."""
    why = IN_SCOPE.get(model.key)
    inventory.decide_regime(
        by=cast["hana"],
        model=model,
        regime=ADOPTED,
        applies=why is not None,
        rationale=why or "Voluntary; the firm keeps to it where a model decides on people's credit.",
    )


def _run(cast: Cast, version: ModelVersion) -> Run:
    return gates.request_run(by=cast["dana"], version=version, use=use_of(version))


REVIEWED = (
    "credit-pd-1",
    "credit-pd-2",
    "overdraft-pd-1",
    "breast-triage-1",
    "collections-priority-1",
    "vendor-fraud-1",
    "wine-cultivar-1",
)


def _reviews(cast: Cast, versions: dict[str, ModelVersion]) -> None:
    """Everything is submitted first: a worker draws the reports while people sign."""
    _unfair(cast, versions["card-limit-1"])
    _waived(cast, versions["overdraft-pd-1"])
    review_vendor(cast, versions["vendor-fraud-1"])
    submitted = {key: _submit(cast, versions[key]) for key in REVIEWED}
    _await_signatures(cast, submitted.pop("credit-pd-2"))
    for key, approval in submitted.items():
        limits = {"population": "adults"} if key == "breast-triage-1" else {}
        _grant(cast, approval, **limits)
    approvals.attest(by=cast["omar"], model=versions["credit-pd-1"].model)
    retired = use_of(versions["wine-cultivar-1"])
    inventory.retire_use(by=cast["omar"], use=retired, reason="The cellar was sold.")


def _submit(cast: Cast, version: ModelVersion) -> Approval:
    tier = version.model.tierings.values_list("statement_digest", flat=True).first() or ""
    approval = approvals.submit(by=cast["dana"], version=version, use=use_of(version), tier=tier)
    request_report(by=cast["vera"], approval=approval)
    return approval


def _sign(by: Person, approval: Approval, reason: str, **limits: Any) -> None:
    approvals.sign_off(
        by=by,
        approval=approval,
        meaning="approve",
        reason=reason,
        limits=limits,
        shown_digest=shown_digest(approval),
        reauthenticated_at=timezone.now(),
    )


def _grant(cast: Cast, approval: Approval, **limits: Any) -> None:
    """Reviewed by two people, the report signed by both."""
    report = await_report(cast["vera"], approval)
    _sign(cast["vera"], approval, "The evidence is sound and I could follow every step.")
    _sign(cast["rob"], approval, "The risk is within appetite.", **limits)
    signers = ((cast["vera"], "validated"), (cast["rob"], "approved"))
    for by, meaning in signers:
        sign_report(
            by=by,
            report=report,
            meaning=meaning,
            shown_digest=newest_blob(report).digest,
            reauthenticated_at=timezone.now(),
        )


def _await_signatures(cast: Cast, approval: Approval) -> None:
    """A second version: the validator has signed, the risk officer has a question."""
    _sign(cast["vera"], approval, "More data, the same method; the numbers hold.")
    question = "Why did the share of approvals move while the threshold stayed?"
    approvals.comment(by=cast["rob"], approval=approval, text=question, gate="fairness.selection")
    answer = "The new applicants have a little more income; the ratio between groups did not move."
    approvals.comment(by=cast["dana"], approval=approval, text=answer, gate="fairness.selection")


def _unfair(cast: Cast, version: ModelVersion) -> None:
    approvals.open_finding(
        by=cast["vera"],
        model=version.model,
        version=version,
        gate="fairness.selection",
        title="Approvals differ between regions",
        detail="The postcode index carries the harsher history of one region into the score.",
        severity="high",
        due=_in(30),
    )


def _waived(cast: Cast, version: ModelVersion) -> None:
    """One gate fails; it is waived for a few days, and the rest is in order."""
    finding = approvals.open_finding(
        by=cast["vera"],
        model=version.model,
        version=version,
        gate="stability.psi",
        title="Applicants have changed since the scorecard was made",
        severity="medium",
        due=_in(20),
    )
    request = approvals.request_waiver(
        by=cast["dana"],
        decision=_decision(version),
        gate="stability.psi",
        finding=finding,
        rationale="The new scorecard is in validation; the old one still ranks well.",
        compensating_control="Every decline above 2,000 EUR is looked at by a person.",
        remediation_due=_in(20),
        valid_to=timezone.now() + timedelta(days=6),
    )
    approvals.grant_waiver(by=cast["hana"], request=request, reauthenticated_at=timezone.now())


def _decision(version: ModelVersion) -> Decision:
    found = latest_decision(version, use_of(version))
    if found is None:
        raise LookupError(f"{version} has no decision")
    return found


def _in(days: int) -> date:
    return timezone.now().date() + timedelta(days=days)


def _monitor(cast: Cast, version: ModelVersion, say: Say) -> None:
    use = use_of(version)
    gates.set_schedule(by=cast["vera"], version=version, use=use, dataset="production", every_days=30)
    run = gates.request_run(
        by=cast["vera"], version=version, use=use, purpose=Purpose.MONITORING, dataset="production"
    )
    await_runs([run], say)
    run.refresh_from_db()
    approvals.open_monitoring_finding(by=system("monitor"), decision=run.decision)


def _ask(cast: Cast, versions: dict[str, ModelVersion]) -> None:
    for version in versions.values():
        deploys.admit(
            by=cast.pipeline,
            model=version.model.key,
            version=version.label,
            environment="production",
            digest=version.digest,
            population="adults" if version.model.key == "breast-triage" else "",
        )
    deploys.admit(by=cast.pipeline, model="unknown-model", version="1", environment="production")
