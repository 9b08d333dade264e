"""A bank in small: people with roles, released policies, a version that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.utils import timezone

from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.approvals.models import Approval, Finding, SignOff, WaiverRequest
from apps.approvals.queries import shown_digest
from apps.audit.states import system
from apps.deploys.commands import declare_environment
from apps.deploys.models import Environment
from apps.gates import commands as gates
from apps.gates.models import Decision, PolicyRelease
from apps.gates.queries import latest_decision
from apps.gates.states import RunState
from apps.inventory import commands as inventory
from apps.inventory.models import ModelVersion, Use
from apps.reports.commands import make_report, sign_report
from apps.reports.models import Report
from apps.reports.queries import newest_blob
from tests import factories
from tests.flows.fixtures import state_in

__all__ = ["decided", "granted", "policies", "production", "reported", "signed", "state_in", "submitted"]

WORKER = system("worker")
CORE = ("baseline-all", "credit-tier1", "general-tier2", "generative", "vendor-model")
CONTRACT = {"pd": {"type": "number", "min": 0, "max": 1}, "sex": {"values": ["F", "M"]}}


def policies() -> list[PolicyRelease]:
    """The shipped policies, released by two people."""
    released = list(PolicyRelease.objects.all())
    if released:
        return released
    author, second = (
        factories.person(name, "model-risk-policy") for name in ("policy-author", "policy-second")
    )
    folder = Path(settings.BASE_DIR) / "policies"
    return gates.sync_policies(by=second, proposed_by=author, folder=folder, names=CORE)


def production() -> Environment:
    """The environment that everybody asks for."""
    found = Environment.objects.filter(key="production").first()
    return found or declare_environment(by=factories.administrator(), key="production", title="Production")


def version(key: str = "credit-pd", label: str = "1", *, rows: int = 400, tier: int = 2) -> ModelVersion:
    """A registered version of tier 2 with a holdout, a development set and one of production."""
    table = factories.table(rows)
    return _registered(key, label, {"holdout": table, "development": table, "production": worn(rows)}, tier)


def unfair() -> ModelVersion:
    """A version whose decisions favour one sex by far."""
    head, *lines = factories.table(400).decode().splitlines()
    cells = [line.split(",") for line in lines]
    decided = [[*c[:4], str(int(float(c[2]) < (0.2 if c[0] == "F" else 0.8)))] for c in cells]
    table = "\n".join([head, *(",".join(c) for c in decided), ""]).encode()
    return _registered("card-limit", "1", {"holdout": table, "development": table}, tier=1)


def _registered(key: str, label: str, data: Mapping[str, bytes], tier: int) -> ModelVersion:
    known = ModelVersion.objects.filter(model__key=key, label=label).first()
    if known is not None:
        return known
    factories.model(key)
    sets = {name: factories.holdout(path=f"{name}.csv") for name in data}
    made = inventory.register_version(
        by=factories.developer(),
        manifest=yaml.safe_dump(factories.manifest(key, label, datasets=sets, contract=CONTRACT)).encode(),
        blobs={"datasets": {name: factories.blob(content).digest for name, content in data.items()}},
    )
    if not made.model.tierings.exists():
        inventory.assign_tier(by=factories.head(), model=made.model, tier=tier, rationale="for a test")
    return made


def worn(rows: int) -> bytes:
    """The same table after the world has changed: who seemed safe defaults."""
    head, *lines = factories.table(rows).decode().splitlines()
    cells = (line.split(",") for line in lines)
    return "\n".join([head, *(",".join([*c[:3], str(1 - int(c[3])), c[4]]) for c in cells), ""]).encode()


def use_of(made: ModelVersion) -> Use:
    return made.model.uses.get()


def decided(made: ModelVersion) -> Decision:
    """The version's decision; that of a run that a worker takes up at once where it has none."""
    return latest_decision(made, use_of(made)) or measured(made)


def measured(made: ModelVersion) -> Decision:
    """A new decision."""
    run = gates.request_run(by=factories.developer(), version=made, use=use_of(made))
    gates.execute_run(by=WORKER, run_id=run.pk, owner="a test")
    run.refresh_from_db()
    assert run.state == RunState.DECIDED, f"The run is {run.state}: {run.cause}"
    return run.decision


def monitored(made: ModelVersion) -> Decision:
    """The decision of a monitoring run on data of production, which fails."""
    run = gates.request_run(
        by=factories.developer(), version=made, use=use_of(made), purpose="monitoring", dataset="production"
    )
    gates.execute_run(by=WORKER, run_id=run.pk, owner="a test")
    run.refresh_from_db()
    assert run.state == RunState.DECIDED, f"The run is {run.state}: {run.cause}"
    return run.decision


def reviewers() -> None:
    """Enough people to complete a review."""
    factories.validator(), factories.risk_officer()


def submitted(made: ModelVersion | None = None) -> Approval:
    """An approval that waits for its reviewers."""
    policies()
    production()
    reviewers()
    made = made or version()
    decided(made)
    return resubmitted(made, by=factories.developer())


def resubmitted(made: ModelVersion, *, by: Person) -> Approval:
    """Submitted by somebody who confirms the tier as it stands."""
    return approvals.submit(by=by, version=made, use=use_of(made), tier=tier_shown(made))


def tier_shown(made: ModelVersion) -> str:
    """The statement of the tier that a page shows to whoever submits."""
    newest = made.model.tierings.first()
    return newest.statement_digest if newest else ""


def signed(approval: Approval, by: Person, meaning: str = "approve", **limits: object) -> SignOff:
    """A sign-off of what is shown, by somebody who just gave the password."""
    return approvals.sign_off(
        by=by,
        approval=approval,
        meaning=meaning,
        reason="I looked at every gate.",
        shown_digest=shown_digest(approval),
        reauthenticated_at=timezone.now(),
        limits=limits,
    )


def waivable_gate(decision: Decision) -> str:
    """A failed gate of the decision that may be waived."""
    gates = decision.document["gates"]
    return next(g["id"] for g in gates if g["enforcement"] == "waivable" and g["outcome"] == "fail")


def finding(made: ModelVersion, **changes: Any) -> Finding:
    """A finding on a version."""
    given = {"title": "Unfair to women", "severity": "high", "due": in_days(30), "version": made, **changes}
    return approvals.open_finding(by=factories.validator(), model=made.model, **given)


def in_days(days: int) -> date:
    return (timezone.now() + timedelta(days=days)).date()


def waiver_request(**changes: Any) -> WaiverRequest:
    """A request to waive a gate that the unfair version fails."""
    made = unfair()
    decision = decided(made)
    given = {
        "decision": decision,
        "gate": waivable_gate(decision),
        "rationale": "The threshold is moved next month.",
        "compensating_control": "A person looks at each refusal.",
        "remediation_due": in_days(20),
        "valid_to": timezone.now() + timedelta(days=25),
        **changes,
    }
    given.setdefault("finding", None)
    if given["finding"] is None:
        given["finding"] = finding(made)
    return approvals.request_waiver(by=factories.developer(), **given)


def granted(approval: Approval | None = None, **limits: object) -> Approval:
    """An approval with both signatures."""
    found = approval or submitted()
    signed(found, factories.validator())
    signed(found, factories.risk_officer(), **limits)
    found.refresh_from_db()
    return found


def reported(approval: Approval, *, signers: tuple[Person, ...] = ()) -> Report:
    """The report, signed by these people in turn."""
    report = make_report(by=WORKER, approval=approval)
    for by in signers:
        sign_report(
            by=by,
            report=report,
            meaning="validated",
            shown_digest=newest_blob(report).digest,
            reauthenticated_at=timezone.now(),
        )
    return report
