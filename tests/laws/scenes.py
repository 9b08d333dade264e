"""Everything that anybody does in the house, each command at least once; `small_bank` is the stage."""

from __future__ import annotations

import io
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.test import Client
from django.utils import timezone

from apps.access import codes
from apps.access import commands as access
from apps.access.models import Person
from apps.access.queries import sessions_of
from apps.approvals import commands as approvals
from apps.approvals.models import Approval
from apps.audit import commands as audit
from apps.costs import commands as costs
from apps.costs.opencost import read_allocations
from apps.costs.queries import begin, next_month
from apps.costs.states import Outcome, Source
from apps.deploys import commands as deploys
from apps.engine.keys import Purpose
from apps.gates import commands as gates
from apps.gates.models import Run
from apps.gates.policy_files import policy_folders
from apps.gates.states import Failure
from apps.inventory import commands as inventory
from apps.inventory.lineage import line, thing
from apps.inventory.models import ModelVersion
from apps.reports import commands as reports
from apps.reports.challenges import find_about
from tests import factories
from tests.flows import bank
from tests.laws.pickled import pickled_model

CLUSTER = b"""{"data": [{"credit-pd": {"totalCost": 1.5, "window":
  {"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00Z"}}}]}"""
WHY = "for a test"
SHIPPED = Path(settings.BASE_DIR) / "policies"
ANSWERS = dict.fromkeys(("estimates", "theory", "assumptions", "inferred", "generative"), "no")


def people() -> None:
    admin = factories.administrator()
    person = access.create_person(by=admin, username="zoe", name="Zoe", password=factories.PASSWORD)
    grant = access.grant_role(by=admin, person=person, role="developer", reason=WHY)
    token, _ = access.issue_token(by=person, person=person, name="laptop", scopes=["model.see"])
    access.revoke_token(by=person, token=token, reason="lost")
    access.change_password(by=person, person=person, password=factories.PASSWORD + "!")
    access.sign_in(username="zoe", password=factories.PASSWORD + "!", address="192.0.2.1")
    person.refresh_from_db()
    access.reauthenticate(by=person, password=factories.PASSWORD + "!", address="192.0.2.1")
    second_factors(person)
    access.end_grant(by=admin, grant=grant, reason=WHY)
    access.disable_person(by=admin, person=person, reason=WHY)
    access.erase_person(by=admin, person=person, reason=WHY)
    access.begin_idempotent(by=admin, key="k", fingerprint="f")
    access.finish_idempotent(by=admin, key="k", status=200, body=b"{}")
    access.begin_idempotent(by=admin, key="l", fingerprint="f")
    access.forget_idempotent(by=admin, key="l")
    hold = access.place_hold(by=factories.head(), reason=WHY)
    access.release_hold(by=admin, hold=hold, reason=WHY)


def second_factors(person: Person) -> None:
    secret, now = b"s" * 20, time.time()
    before, password = codes.code_at(secret, now - codes.STEP_SECONDS), factories.PASSWORD + "!"
    access.add_authenticator(by=person, name="phone", secret=secret, code=before)
    first, *_ = access.make_recovery_codes(by=person)
    access.finish_sign_in(person=person, code=first, address="192.0.2.1")
    access.confirm_password(by=person, password=password, address="192.0.2.1")
    access.remove_factor(by=person, factor=person.factors.get())
    for _ in range(3):
        Client().force_login(person)
    one, *_ = sessions_of(person)
    access.end_session(by=person, person=person, handle=one.handle)
    access.end_other_sessions(by=person, person=person)
    access.sign_out(by=person)


def models() -> None:
    developer, head = factories.developer(), factories.head()
    markets = inventory.declare_unit(by=factories.administrator(), key="markets", title="Markets")
    inventory.rename_unit(by=factories.administrator(), unit=markets, title="Trading", reason=WHY)
    model = factories.model("market-var")
    factories.version("market-var", "1")
    inventory.change_model(by=developer, model=model, title="Value at risk", reason=WHY)
    inventory.assign_tier(by=head, model=model, tier=2, rationale=WHY)
    inventory.decide_regime(by=head, model=model, regime="us-sr26-2", applies=True, rationale=WHY)
    inventory.determine(by=head, model=model, answers=ANSWERS, rationale=WHY)
    lineage(developer)
    inventory.register_document(
        by=developer,
        model=model,
        kind="user-guide",
        title="Guide",
        label="1",
        stream=io.BytesIO(b"how to"),
        filename="guide.txt",
    )
    bought = factories.model("bought", vendor=True)
    said = {"limits": {"met": "partly", "note": "one page"}}
    approvals.review_vendor(by=factories.validator(), model=bought, vendor="Scores Ltd", answers=said)
    inventory.note_change(
        by=developer, model=bought, announces="2", told_on=timezone.now().date(), summary="New data"
    )
    factories.version("bought", "1")
    factories.version("bought", "3", data={"holdout": factories.table(60)})
    approvals.open_untold_findings(by=bank.WORKER)
    inventory.open_idea(
        by=developer,
        key="churn",
        title="Churn",
        kind="classifier",
        unit=model.unit,
        owner=model.owner,
        use="offers",
    )
    use = inventory.add_use(by=developer, model=model, key="limits", title="Limits")
    inventory.retire_use(by=factories.owner(), use=use, reason=WHY)
    version = model.versions.get()
    inventory.note_contribution(by=developer, version=version, person=factories.owner(), part="developer")
    inventory.keep_made(by=bank.WORKER, data=b"made here", media="text/plain")
    code(developer)
    scorecards()


def lineage(developer: Person) -> None:
    table, clean = thing("dataset", "trades"), thing("dataset", "trades-clean")
    edge = inventory.state_edge(by=developer, kind="derives", upstream=table, downstream=clean)
    inventory.end_edge(by=developer, edge=edge, reason=WHY)
    told = [line("trains", clean, thing("model_version", "market-var", label="1"))]
    inventory.take_lineage(by=developer, source="openlineage", key="1", digest="sha256:1", lines=told)
    given = {"system": "Spark", "run": "42", "image": "sha256:" + "1" * 64, "results": {"rows": 60}}
    given["data"] = {"trades-clean": "2" * 64}
    version = ModelVersion.objects.get(model__key="market-var")
    sealed = inventory.report_evidence(by=developer, version=version, given=given)
    assert inventory.report_evidence(by=developer, version=version, given=given) == sealed


def code(developer: Person) -> None:
    """A model in a pickle, converted."""
    blob = inventory.store_blob(by=developer, stream=pickled_model())
    inventory.open_conversion(by=factories.administrator(), digest=blob.digest, reason=WHY, hours=1)
    asked = inventory.ask_conversion(by=developer, digest=blob.digest)
    inventory.execute_conversion(by=bank.WORKER, job_id=asked.pk, owner="a")
    inventory.mind_conversions(by=bank.WORKER)


def scorecards() -> None:
    author, second = (factories.person(name, "model-risk-policy") for name in ("sc-one", "sc-two"))
    data = (SHIPPED / "tiering" / "scorecard.yaml").read_bytes()
    data = data.replace(b"version: 1.1.0", b"version: 1.2.0").replace(b"network: 3", b"network: 4")
    offered = inventory.propose_scorecard(by=author, data=data, note=WHY)
    inventory.release_scorecard(by=second, proposal=offered)


def policies() -> None:
    author, second = (factories.person(name, "model-risk-policy") for name in ("po-one", "po-two"))
    folder = next(f for f in policy_folders(SHIPPED) if f.id == "baseline-all")
    data = folder.data.replace(b"version: 2.0.0", b"version: 2.0.1")
    offered = gates.propose_policy(by=author, data=data, cases=folder.cases, note=WHY)
    gates.release_proposal(by=second, proposal=offered)
    gates.sync_policies(by=second, proposed_by=author, folder=SHIPPED, names=["validation-data"])


def runs() -> None:
    version, by = bank.version(), factories.developer()
    use = bank.use_of(version)
    gates.cancel(by=by, run=gates.request_run(by=by, version=version, use=use), reason=WHY)
    run = gates.request_run(by=by, version=version, use=use)
    held = gates.claim(by=bank.WORKER, run_id=run.pk, owner="lost")
    gates.beat(run_id=held.pk, fence=held.fence)
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(hours=1))
    gates.take_back(by=bank.WORKER)
    for _ in range(3):
        Run.objects.filter(pk=run.pk).update(not_before=None)
        held = gates.claim(by=bank.WORKER, run_id=run.pk, owner="fails")
        gates.fail(by=bank.WORKER, run=held, failure=Failure.CRASH, cause="It fell over.")
    run.refresh_from_db()
    gates.requeue(by=factories.head(), run=run, reason=WHY)
    gates.place_run(by=factories.head(), run=run, place="first", reason=WHY)
    gates.claim_next(by=bank.WORKER, lane=run.lane, owner="host:1:2")
    gates.give_back(by=bank.WORKER, owner="host:1")
    gates.execute_run(by=bank.WORKER, run_id=run.pk, owner="works")
    gates.execute_next(by=bank.WORKER, lane="gpu", owner="host:1:2")
    gates.send_hints(by=bank.WORKER)
    gates.wake_lanes(by=bank.WORKER)
    schedule = gates.set_schedule(by=by, version=version, use=use, dataset="production", every_days=1)
    gates.request_due(by=bank.WORKER)
    monitored = gates.claim(by=bank.WORKER, run_id=schedule.runs.get().pk, owner="monitors")
    gates.cancel(by=by, run=monitored, reason=WHY)
    gates.note_missed(by=bank.WORKER)
    gates.end_schedule(by=by, schedule=schedule, reason=WHY)


def findings() -> None:
    owner, head = factories.owner(), factories.head()
    request = bank.waiver_request()
    approvals.grant_waiver(by=head, request=request, reauthenticated_at=timezone.now())
    finding = request.finding
    approvals.remediate_finding(by=owner, finding=finding, plan=WHY)
    finding.refresh_from_db()
    approvals.reopen_finding(by=head, finding=finding, reason=WHY)
    finding.refresh_from_db()
    approvals.remediate_finding(by=owner, finding=finding, plan=WHY)
    finding.refresh_from_db()
    approvals.close_finding(by=head, finding=finding, closure=WHY)
    again = bank.waiver_request(finding=bank.finding(bank.unfair(), title="Another"))
    approvals.refuse_waiver(by=head, request=again, reason=WHY)
    decision = bank.monitored(bank.version())
    approvals.open_monitoring_finding(by=bank.WORKER, decision=decision)
    approvals.open_monitoring_findings(by=bank.WORKER)


def reviews() -> Approval:
    validator, developer = factories.validator(), factories.developer()
    first = bank.submitted()
    approvals.comment(by=validator, approval=first, text="Which year?")
    about = find_about(validator, "decision", first.decision.statement_digest)
    approvals.challenge(by=validator, about=about, text="Why, @dev?", said="question")
    bank.signed(first, validator, "return")
    bank.signed(first, factories.risk_officer(), "return")
    first.refresh_from_db()
    again = approvals.reopen(by=developer, approval=first, reason=WHY)
    approvals.withdraw(by=developer, approval=again, reason=WHY)
    granted = bank.granted()
    approvals.attest(by=factories.owner(), model=granted.version.model)
    approvals.give_document(
        by=validator,
        version=granted.version,
        use=granted.use,
        key="memo",
        blob_digest="sha256:" + "1" * 64,
        signed_by=["validator"],
        statement_digest=granted.statement_digest,
    )
    return granted


def answers(granted: Approval) -> None:
    deploys.declare_environment(by=factories.administrator(), key="staging", title="Staging")
    pipeline = factories.service()
    asked = deploys.admit(by=pipeline, model="credit-pd", version="1", environment="production")
    what_runs(pipeline, asked.digest)
    report = bank.reported(granted, signers=(factories.validator(), factories.risk_officer()))
    reports.archive_report(by=bank.WORKER, report=report)
    reports.archive_due(by=bank.WORKER)
    admin = factories.administrator()
    reports.revoke_certificate(by=admin, person=factories.validator(), cause="replaced", reason=WHY)
    reports.complete_waiting(by=bank.WORKER)
    reports.make_missing(by=bank.WORKER)
    reports.request_report(by=factories.validator(), approval=granted)
    approvals.revoke(by=factories.head(), approval=granted, reason=WHY)
    deploys.ask_again(by=pipeline, admission=asked)


def what_runs(pipeline: Person, digest: str) -> None:
    place = {"by": pipeline, "environment": "production"}
    deploys.report_deployment(**place, slot="scoring/credit-pd", digest=digest)
    deploys.report_deployment(**{**place, "environment": "staging"}, slot="scoring/early", digest=digest)
    strange = deploys.report_deployment(**place, slot="scoring/shadow", digest="sha256:" + "7" * 64)
    deploys.settle(
        by=factories.validator(), deployment=strange, answer="finding", model="credit-pd", reason=WHY
    )
    ends = timezone.now() - timedelta(hours=1)
    deploys.count_calls(
        **place, slot="scoring/credit-pd", begins=ends - timedelta(hours=1), ends=ends, calls=7
    )
    deploys.seal_revocations(by=pipeline)


def money() -> None:
    head = factories.head()
    costs.set_rate(by=head, hardware="cpu", per_second=Decimal("0.0001"))
    costs.set_exchange_rate(by=head, currency_of="USD", rate="0.9", day=date(2026, 1, 31), source=WHY)
    month = timezone.now().date()
    unit = factories.unit()
    costs.set_budget(by=head, unit=unit, month=month, amount="1000")
    version = bank.version()
    small = costs.set_budget(by=head, unit=unit, month=month, amount="0.01", model=version.model)
    run = bank.decided(version).run
    run.fence += 1
    used = costs.Held(wall_seconds=1e6)
    costs.enter(by=bank.WORKER, run=run, usage=used, outcome=Outcome.LOST)
    costs.raise_alerts(by=bank.WORKER)
    costs.refuse_start(by=bank.WORKER, subject=run, why=WHY)
    until = begin(next_month(small.month))
    costs.allow_excess(
        by=factories.risk_officer(), unit=unit, budget=small, amount="1000", until=until, reason=WHY
    )
    costs.bring_in(
        by=head,
        source=Source.OPENCOST,
        name="november",
        digest="sha256:0",
        rows=read_allocations(CLUSTER, "EUR"),
    )


def keys() -> None:
    old = audit.service_signer(by=bank.WORKER, purpose=Purpose.STATEMENT).key_id
    audit.rotate_key(by=bank.WORKER, purpose=Purpose.STATEMENT, reason=WHY)
    audit.end_key(by=bank.WORKER, key_id=old, reason=WHY, revoked=True)
    audit.register_key(by=bank.WORKER, purpose=Purpose.CHECKPOINT)


def everything() -> None:
    """All of it, in an order in which it can happen."""
    people()
    models()
    policies()
    runs()
    findings()
    answers(reviews())
    money()
    keys()
