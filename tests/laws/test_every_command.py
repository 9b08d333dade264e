"""Every write leaves its event: all commands are played, and what each wrote is held against what it told.

A command that no scene plays, a table that no command writes, a business write without its event, or another
number of events than is declared here fails.
"""

from __future__ import annotations

import pytest
from pytest_django import DjangoDbBlocker

from apps.audit.models import Event
from tests.flows.fixtures import BankDatabase, on_stage
from tests.laws import scenes
from tests.laws.accounting import THE_THREE, Account, Call, accounted, tables
from tests.laws.source import PROJECT
from tests.laws.test_commands import COMMANDS, WITHOUT_TRACE

pytestmark = pytest.mark.slow

# How many events one call leaves, where it is not exactly one for one thing that was done.
EVENTS: dict[str, set[int]] = {
    "access.sign_in": {1},  # an event alone: nothing of the bank's changes
    "access.reauthenticate": {1},
    "access.confirm_password": {1},
    "access.sign_out": {1},
    "access.end_session": {1},
    "access.end_other_sessions": {1},
    "access.finish_sign_in": {2},  # a recovery code was used, a session opened
    "access.erase_person": {0},  # told by the erasure beside the trail, which it calls
    "audit.erase_personal": {1},
    "audit.rotate_key": {2},  # one key comes, one goes
    "approvals.close_finding": {2},  # sealed, then moved
    "approvals.review_vendor": set(range(12)),  # each gap that no finding speaks of yet
    "approvals.open_untold_findings": set(range(12)),  # each version without a word
    "approvals.sign_off": {1, 3, 4},  # the last one closes the review, and a grant is sealed
    "costs.refuse_start": {1},  # an event alone: the run itself says that it waits
    "costs.raise_alerts": {1, 2, 3},  # a leap tells of each level
    "gates.decide_and_seal": set(range(3, 300)),  # one for each piece of evidence, the decision, the run
    "inventory.execute_conversion": {4},  # taken, the new bytes, what they came from, its end
    "inventory.mind_conversions": {0},  # nothing is late
    "inventory.store_blob": {0, 1},  # bytes that are there already are only noted as wanted again
    "inventory.report_evidence": {1},  # sealed alone: the statement is all that is kept
    "inventory.register_document": {2},  # the bytes, the document
    "inventory.open_idea": {1, 2},  # what was said of it, and its use
    "inventory.assign_tier": {2},  # sealed, then told of the model
    "inventory.register_version": set(range(2, 60)),  # the version, its use, each data set and builder
}
# Events of a change: each holds the fields before and after it.
CHANGES = {
    "model.changed",
    "use.retired",
    "unit.renamed",
    "person.disabled",
    "role.ended",
    "token.revoked",
    "schedule.ended",
    "run.placed",
    "run.returned",
    "run.claimed",
    "run.cancelled",
    "run.decided",
    "approval.granted",
    "approval.returned",
    "approval.withdrawn",
    "approval.reopened",
    "approval.revoked",
    "finding.remediated",
    "finding.closed",
    "finding.reopened",
    "key.retired",
    "key.revoked",
}
# Played elsewhere, on a stage of their own, by a test that looks for the event.
ELSEWHERE = {
    "access.confirm_epoch": ("tests/tamper/test_restored.py", "confirm_epoch"),
    "access.propose_epoch": ("tests/tamper/test_restored.py", "propose_epoch"),
    "audit.confirm_epoch": ("tests/tamper/test_restored.py", "confirm_epoch"),
    "audit.propose_epoch": ("tests/tamper/test_restored.py", "propose_epoch"),
    "access.add_passkey": ("tests/web/test_passkeys.py", "The passkey is kept"),
    "access.finish_by_passkey": ("tests/web/test_passkeys.py", "session.opened"),
    "access.reauthenticate_by_passkey": ("tests/web/test_passkeys.py", "reauthentication.passed"),
    "access.enable_person": ("tests/access/test_overseeing.py", "person.enabled"),
    "access.note_token_use": ("tests/access/test_tokens.py", "note_token_use"),
    "access.delegate_reviews": ("tests/access/test_delegations.py", "reviews.delegated"),
    "access.end_delegation": ("tests/access/test_delegations.py", "delegation.ended"),
    "deploys.ask_to_break_glass": ("tests/deploys/test_break_glass.py", "break_glass.asked"),
    "deploys.break_glass": ("tests/deploys/test_break_glass.py", "break_glass.granted"),
    "deploys.end_break_glass": ("tests/deploys/test_break_glass.py", "break_glass.ended"),
    "access.open_campaign": ("tests/access/test_campaigns.py", "campaign.opened"),
    "access.answer_item": ("tests/access/test_campaigns.py", "campaign.answered"),
    "access.close_campaign": ("tests/access/test_campaigns.py", "close_campaign"),
    "access.close_due_campaigns": ("tests/access/test_campaigns.py", "campaign.closed"),
    "access.link_identity": ("tests/access/test_oidc.py", "identity.linked"),
    "access.sign_in_federated": ("tests/access/test_oidc.py", "session.opened"),
    "access.reauthenticate_federated": ("tests/access/test_oidc.py", "reauthentication.passed"),
    "access.unlink_identity": ("tests/access/test_oidc.py", "identity.unlinked"),
    "access.map_group": ("tests/access/test_oidc.py", "mapping.made"),
    "access.end_mapping": ("tests/access/test_oidc.py", "mapping.ended"),
    "access.provision_account": ("tests/api/test_scim.py", "person.created"),
    "access.change_account": ("tests/api/test_scim.py", "person.changed"),
    "access.remove_account": ("tests/api/test_scim.py", "person.disabled"),
    "access.hand_over_account": ("tests/api/test_scim.py", "person.handed_over"),
    "access.provision_group": ("tests/api/test_scim.py", "group.created"),
    "access.change_group": ("tests/api/test_scim.py", "group.changed"),
    "access.remove_group": ("tests/api/test_scim.py", "group.removed"),
    "access.define_role": ("tests/access/test_own_roles.py", "role.defined"),
    "access.retire_role": ("tests/access/test_own_roles.py", "role.retired"),
    "access.first_administrator": ("tests/access/test_people.py", "first_administrator"),
    "approvals.attest_entries": ("tests/approvals/test_rounds.py", "attest_entries"),
    "approvals.dispute_entry": ("tests/approvals/test_rounds.py", "dispute_entry"),
    "approvals.end_round": ("tests/approvals/test_rounds.py", "round.ended"),
    "approvals.import_vendor_pack": ("tests/verifier/test_vendor_packs.py", "vendor.reviewed"),
    "approvals.miss_entries": ("tests/approvals/test_rounds.py", "attestation.missed"),
    "approvals.open_missing_lineage_findings": ("tests/approvals/test_lineage.py", "finding.opened"),
    "approvals.revalidate": ("tests/approvals/test_lineage.py", "finding.opened"),
    "inventory.answer_tier_again": ("tests/approvals/test_submitting.py", "tier.assigned"),
    "approvals.open_round": ("tests/approvals/test_rounds.py", "round.opened"),
    "approvals.renew_rounds": ("tests/approvals/test_rounds.py", "renew_rounds"),
    "deploys.roll_back": ("tests/deploys/test_running.py", "deployment.rolled_back"),
    "deploys.answer_question": ("tests/integrations/site.py", "answer_question"),
    "deploys.bind_model": ("tests/integrations/site.py", "bind_model"),
    "deploys.change_integration": ("tests/integrations/test_pages.py", "changed"),
    "deploys.give_secret": ("tests/integrations/site.py", "give_secret"),
    "deploys.make_integration": ("tests/integrations/site.py", "make_integration"),
    "deploys.reconcile_integrations": ("tests/integrations/test_github.py", "reconcile_integrations"),
    "deploys.look_again": ("tests/integrations/test_registries.py", "registry.asked"),
    "deploys.mark_again": ("tests/integrations/test_sagemaker.py", "mark_again"),
    "deploys.read_registry": ("tests/integrations/test_sagemaker.py", "registry.marked"),
    "deploys.send_registry_hints": ("tests/integrations/test_registries.py", "send_registry_hints"),
    "deploys.begin_experiment": ("tests/deploys/test_experiments.py", "experiment.begun"),
    "deploys.end_experiment": ("tests/deploys/test_experiments.py", "experiment.ended"),
    "deploys.mind_experiments": ("tests/deploys/test_experiments.py", "mind_experiments"),
    "deploys.report_result": ("tests/deploys/test_experiments.py", "report_result"),
    "deploys.rotate_secret": ("tests/integrations/test_github.py", "rotate_secret"),
    "deploys.send_question_hints": ("tests/integrations/test_github.py", "send_question_hints"),
    "deploys.switch_integration": ("tests/integrations/test_github.py", "switch_integration"),
    "deploys.take_in": ("tests/integrations/test_github.py", "inbound.taken"),
    "deploys.unbind_model": ("tests/integrations/test_pages.py", "unbind"),
    "deploys.use_identity": ("tests/integrations/test_identities.py", "identity.used"),
    "reports.ask_report": ("tests/reports/test_documents.py", "ask_report"),
    "reports.export_list": ("tests/web/test_exports.py", "export.made"),
    "reports.export_version": ("tests/reports/test_formats.py", "export.made"),
    "reports.make_pack": ("tests/verifier/test_packs.py", "export.made"),
    "reports.make_asked": ("tests/reports/test_documents.py", "make_asked"),
    "reports.make_document": ("tests/reports/test_documents.py", "make_document"),
    "inventory.purge_blobs": ("tests/audit/test_retention.py", "blob.purged"),
    "gates.forget_worker": ("tests/gates/test_presence.py", "forget_worker"),
    "gates.note_worker": ("tests/gates/test_presence.py", "note_worker"),
    "gates.beat_partition": ("tests/gates/test_partitions.py", "beat_partition"),
    "gates.claim_partition": ("tests/gates/test_partitions.py", "claim_partition"),
    "gates.consent_hardware": ("tests/gates/test_hardware.py", "consent_hardware"),
    "gates.execute_partition": ("tests/gates/test_partitions.py", "execute_partition"),
    "gates.fail_partition": ("tests/gates/test_partitions.py", "fail_partition"),
    "gates.finish_partition": ("tests/gates/test_partitions.py", "partition.sealed"),
    "gates.hand_in_partition": ("tests/gates/test_partitions.py", "hand_in_partition"),
    "gates.keep_partition": ("tests/gates/test_partitions.py", "keep_partition"),
    "gates.take_partition": ("tests/gates/test_partitions.py", "take_partition"),
    "gates.give_back_partitions": ("tests/gates/test_partitions.py", "give_back_partitions"),
    "gates.send_partition_hints": ("tests/gates/test_partitions.py", "send_partition_hints"),
    "gates.take_back_partitions": ("tests/gates/test_partitions.py", "take_back_partitions"),
    "inventory.begin_upload": ("tests/api/test_resumable.py", "/uploads"),
    "inventory.add_piece": ("tests/api/test_resumable.py", "add_piece"),
    "inventory.complete_upload": ("tests/api/test_resumable.py", "/complete"),
    "inventory.cancel_upload": ("tests/api/test_resumable.py", "client.delete"),
    "inventory.expire_uploads": ("tests/api/test_resumable.py", "expire_uploads"),
    "inventory.give_back_conversions": ("tests/inventory/test_conversions.py", "give_back_conversions"),
    "approvals.open_missed_finding": ("tests/approvals/test_missed.py", "finding.opened"),
    "approvals.open_missed_findings": ("tests/approvals/test_missed.py", "open_missed_findings"),
    "inventory.set_quota": ("tests/inventory/test_storage.py", "quota.set"),
    "inventory.sweep_blobs": ("tests/inventory/test_storage.py", "store.swept"),
    "notices.add_endpoint": ("tests/notices/telling.py", "add_endpoint"),
    "notices.agree_endpoint": ("tests/notices/test_deliveries.py", "agree_endpoint"),
    "notices.change_endpoint": ("tests/notices/test_endpoints.py", "endpoint.changed"),
    "notices.remind": ("tests/notices/test_reminders.py", "reminder.escalated"),
    "notices.rotate_secret": ("tests/notices/test_deliveries.py", "rotate_secret"),
    "notices.stop_endpoint": ("tests/notices/test_endpoints.py", "endpoint.stopped"),
    "notices.start_endpoint": ("tests/notices/test_endpoints.py", "endpoint.started"),
    "notices.deliver": ("tests/notices/test_deliveries.py", "delivery.dead"),
    "notices.replay": ("tests/notices/test_deliveries.py", "commands.replay("),
    "notices.replay_all": ("tests/notices/test_deliveries.py", "delivery.replayed"),
    "notices.send_trial": ("tests/notices/test_deliveries.py", "delivery.queued"),
    "notices.send_delivery_hints": ("tests/notices/test_following.py", "send_delivery_hints"),
    "notices.follow": ("tests/notices/telling.py", "commands.follow"),
    "notices.gather_letters": ("tests/notices/test_people.py", "gather_letters"),
    "notices.read_notices": ("tests/notices/test_people.py", "read_notices"),
    "notices.subscribe": ("tests/notices/test_people.py", "subscription.set"),
    "inventory.remove_strays": ("tests/inventory/test_storage.py", "store.mended"),
}
# Tables that the scenes leave alone, with the reason.
UNWRITTEN = {
    "deploys_glass": "break-glass: tests/deploys/test_break_glass.py",
    "deploys_glassend": "the same",
    "deploys_glassrequest": "the same",
    "approvals_attestationround": "rounds of attestations: tests/approvals/test_rounds.py",
    "approvals_roundanswer": "the same",
    "approvals_roundend": "the same",
    "approvals_roundentry": "the same",
    "access_externalidentity": "signing in with other accounts: tests/access/test_oidc.py",
    "access_groupmapping": "the same",
    "access_mappedgrant": "the same",
    "access_usedanswer": "the same",
    "access_directoryaccount": "people that a directory keeps: tests/api/test_scim.py",
    "access_directorygroup": "the same",
    "access_directorymember": "the same",
    "access_campaign": "reviews of roles: tests/access/test_campaigns.py",
    "access_campaignanswer": "the same",
    "access_campaignitem": "the same",
    "access_delegation": "reviews handed on: tests/access/test_delegations.py",
    "access_tokenuse": "the days on which tokens were used: tests/access/test_tokens.py",
    "access_roleversion": "the installation's own roles: tests/access/test_own_roles.py",
    "deploys_rollback": "the way back to an earlier version: tests/deploys/test_running.py",
    "deploys_binding": "pipelines and the models they speak of: tests/integrations/test_pages.py",
    "deploys_inbound": "what came in: tests/integrations/test_inbound.py",
    "deploys_integration": "pipelines, registries, clusters: tests/integrations/test_pages.py",
    "deploys_integrationsecret": "their secrets: the same",
    "deploys_question": "what they asked: tests/integrations/test_github.py",
    "deploys_registryentry": "versions in registries elsewhere: tests/integrations/test_sagemaker.py",
    "deploys_registrypoll": "when each is read: the same",
    "deploys_experiment": "two versions that share the calls of a slot: tests/deploys/test_experiments.py",
    "deploys_experimentend": "the same",
    "deploys_experimentresult": "the same",
    "deploys_tokenuse": "tokens that were used: tests/integrations/test_identities.py",
    "gates_hardwareconsent": "a yes or no to hardware: tests/gates/test_hardware.py",
    "gates_presence": "workers that are here: tests/gates/test_presence.py",
    "gates_partition": "runs of data in parts: tests/gates/test_partitions.py",
    "inventory_datapart": "data sets in parts: tests/inventory/test_parts.py",
    "inventory_quota": "what a unit may keep: tests/inventory/test_storage.py",
    "inventory_upload": "bytes on their way: tests/api/test_resumable.py",
    "reports_reportsnapshot": "what a report over many things is drawn from: tests/reports/test_documents.py",
    "reports_reportrequest": "reports asked for by kind: tests/reports/test_documents.py",
    "reports_reportrefusal": "one that cannot be made: the same",
    "reports_signingend": "a signing that comes to nothing: tests/reports/test_signing.py",
    "reports_signingtry": "one that waits for its time stamp: the same",
}


@pytest.fixture(scope="module")
def account(bank_database: BankDatabase, django_db_blocker: DjangoDbBlocker) -> Account:
    with on_stage(bank_database, django_db_blocker), accounted() as found:
        scenes.everything()
        found.told = list(Event.objects.order_by("recorded_at").values_list("doc", flat=True))
    return found


def test_every_command_is_played(account: Account) -> None:
    played = {call.name for call in account.calls}
    assert set(COMMANDS) - THE_THREE - played == set(ELSEWHERE) - played


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_what_is_played_elsewhere_is_looked_for_there(name: str) -> None:
    path, word = ELSEWHERE[name]
    assert word in (PROJECT / path).read_text()


def test_each_call_leaves_as_many_events_as_are_declared(account: Account) -> None:
    wrong = {
        name: sorted({(call.events, *sorted(call.business)) for call in calls})
        for name in sorted({call.name for call in account.calls})
        if (calls := [call for call in account.of(name) if not _right(call)])
    }
    assert not wrong, "\n".join(f"{name}: {calls}" for name, calls in wrong.items())


def _right(call: Call) -> bool:
    if call.name.partition(".")[2] in WITHOUT_TRACE:
        return call.events == 0
    if not call.business:
        return call.events in {0, *EVENTS.get(call.name, ())}
    return call.events in EVENTS.get(call.name, {1})


def test_every_table_is_written_by_a_command_that_leaves_an_event(account: Account) -> None:
    told = {table for call in account.calls if call.events for table in call.business}
    quiet = {table for call in account.calls for table in call.business}
    assert tables() - told == set(UNWRITTEN), f"written without an event: {sorted(quiet - told)}"


def test_every_event_says_who_did_what_to_what(account: Account) -> None:
    assert len(account.told) > 100
    for doc in account.told:
        assert doc["v"] in (1, 2)
        assert {"id", "ts", "action", "actor", "object", "prev_object_event"} <= doc.keys()
        assert {"type", "id"} <= doc["actor"].keys() & doc["object"].keys()
        for name in ("before", "after"):
            assert (name in doc) == (name in doc.get("digests", {}))


def test_each_event_names_the_one_before_it_of_the_same_thing(account: Account) -> None:
    newest: dict[tuple[str, str], str] = {}
    for doc in account.told:
        thing = doc["object"]["type"], doc["object"]["id"]
        assert doc["prev_object_event"] == newest.get(thing), doc
        newest[thing] = doc["id"]


def test_what_changes_tells_what_stood_there_before(account: Account) -> None:
    silent = {
        doc["action"]
        for doc in account.told
        if doc["action"] in CHANGES and not doc.get("before", {}).keys() <= doc.get("after", {}).keys()
    }
    assert silent == set()
    assert {doc["action"] for doc in account.told} >= CHANGES
    assert not [d["action"] for d in account.told if d["action"] in CHANGES and "before" not in d]


def test_what_policies_decided_names_them(account: Account) -> None:
    for action in ("decision.sealed", "admission.answered", "approval.sealed"):
        found = [doc for doc in account.told if doc["action"] == action]
        assert found
        assert all(doc["policies"] for doc in found), action
