"""Commands that stand on no page or in no operation of the API, each with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

# What the service does by itself: workers, timers, and the parts that other commands are made of.
SERVICE = "The service does this by itself: a worker, a timer, or as a part of another command."
INSTALLATION = "Whoever runs the installation does this on its machine, with `./countersign`."
DIRECTORY = "The organisation's directory does this over SCIM 2.0, below `/scim/v2`."
SENDERS = "Pipelines, registries and clusters do this with the forms of their own, below `/hooks`."
PROGRAMS = "Programs do this: what they report or ask is measured or known by them alone."
FILES = "Stands in files that the installation keeps and applies: `./countersign apply`."
BROWSER = "Belongs to a person's own browser: a token proves nothing about who sits there."
SHOWN_ONCE = "Shows a secret once, or takes one, to a person at a page who just gave the password."
CEREMONY = "A person does this at the page that shows what is signed or released."
UPLOADS = "The page of uploads asks the API for this, piece by piece."
TOGETHER = "Pages register a model with its first version, or as an idea, in one step."

_NEITHER: Mapping[str, tuple[str, ...]] = {
    SERVICE: (
        "access.begin_idempotent",
        "access.close_due_campaigns",
        "access.finish_idempotent",
        "access.forget_idempotent",
        "access.note_token_use",
        "approvals.give_document",
        "approvals.miss_entries",
        "approvals.open_missed_finding",
        "approvals.open_missed_findings",
        "approvals.open_missing_lineage_findings",
        "approvals.open_monitoring_finding",
        "approvals.open_monitoring_findings",
        "approvals.open_observed_finding",
        "approvals.renew_rounds",
        "audit.erase_personal",
        "audit.move",
        "audit.place_hold",
        "audit.record",
        "audit.register_key",
        "audit.release_hold",
        "audit.seal",
        "audit.service_signer",
        "costs.enter",
        "costs.quote_run",
        "costs.raise_alerts",
        "costs.refuse_start",
        "deploys.answer_question",
        "deploys.mind_experiments",
        "deploys.read_registry",
        "deploys.reconcile_integrations",
        "deploys.send_question_hints",
        "deploys.send_registry_hints",
        "deploys.use_identity",
        "gates.beat",
        "gates.beat_partition",
        "gates.claim",
        "gates.claim_next",
        "gates.claim_partition",
        "gates.decide_and_seal",
        "gates.execute_next",
        "gates.execute_partition",
        "gates.execute_run",
        "gates.fail",
        "gates.fail_partition",
        "gates.finish_partition",
        "gates.forget_worker",
        "gates.give_back",
        "gates.give_back_partitions",
        "gates.note_missed",
        "gates.note_progress",
        "gates.note_worker",
        "gates.release_policy",
        "gates.request_due",
        "gates.send_hints",
        "gates.send_partition_hints",
        "gates.take_back",
        "gates.take_back_partitions",
        "gates.wake_lanes",
        "inventory.contribution_of",
        "inventory.execute_conversion",
        "inventory.expire_uploads",
        "inventory.give_back_conversions",
        "inventory.keep_made",
        "inventory.keep_vendor_review",
        "inventory.mind_conversions",
        "inventory.note_contribution",
        "inventory.sweep_blobs",
        "notices.deliver",
        "notices.follow",
        "notices.gather_letters",
        "notices.remind",
        "notices.send_delivery_hints",
        "reports.archive_due",
        "reports.archive_report",
        "reports.complete_signing",
        "reports.complete_waiting",
        "reports.make_asked",
        "reports.make_document",
        "reports.make_missing",
        "reports.make_report",
    ),
    INSTALLATION: (
        "access.confirm_epoch",
        "access.first_administrator",
        "access.propose_epoch",
        "audit.confirm_epoch",
        "audit.end_key",
        "audit.propose_epoch",
        "audit.rotate_key",
        "inventory.remove_strays",
    ),
    DIRECTORY: (
        "access.change_account",
        "access.change_group",
        "access.provision_account",
        "access.provision_group",
        "access.remove_account",
        "access.remove_group",
    ),
    SENDERS: ("deploys.take_in",),
    FILES: ("gates.sync_policies",),
    TOGETHER: ("inventory.register_model",),
}
_NO_PAGE: Mapping[str, tuple[str, ...]] = {
    PROGRAMS: (
        "deploys.admit",
        "deploys.ask_again",
        "deploys.count_calls",
        "deploys.report_deployment",
        "deploys.report_result",
        "deploys.roll_back",
        "deploys.seal_revocations",
        "gates.hand_in_partition",
        "gates.keep_partition",
        "gates.take_partition",
        "inventory.report_evidence",
        "inventory.take_lineage",
    ),
    UPLOADS: (
        "inventory.add_piece",
        "inventory.begin_upload",
        "inventory.cancel_upload",
        "inventory.complete_upload",
    ),
}
_NO_OPERATION: Mapping[str, tuple[str, ...]] = {
    BROWSER: (
        "access.add_authenticator",
        "access.add_passkey",
        "access.change_password",
        "access.confirm_password",
        "access.end_session",
        "access.finish_by_passkey",
        "access.finish_sign_in",
        "access.link_identity",
        "access.make_recovery_codes",
        "access.reauthenticate",
        "access.reauthenticate_by_passkey",
        "access.reauthenticate_federated",
        "access.remove_factor",
        "access.sign_in",
        "access.sign_in_federated",
        "access.sign_out",
    ),
    SHOWN_ONCE: (
        "access.hand_over_account",
        "access.issue_token",
        "deploys.bind_model",
        "deploys.change_integration",
        "deploys.give_secret",
        "deploys.look_again",
        "deploys.make_integration",
        "deploys.mark_again",
        "deploys.rotate_secret",
        "deploys.switch_integration",
        "deploys.unbind_model",
    ),
    CEREMONY: (
        "gates.release_proposal",
        "inventory.release_scorecard",
        "reports.request_report",
        "reports.sign_report",
    ),
}


def without_page() -> dict[str, str]:
    """By command, why no page plays it."""
    return dict(_told(_NEITHER)) | dict(_told(_NO_PAGE))


def without_operation() -> dict[str, str]:
    """By command, why no operation of the API plays it."""
    return dict(_told(_NEITHER)) | dict(_told(_NO_OPERATION))


def _told(groups: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for reason, commands in groups.items():
        yield from ((command, reason) for command in commands)
