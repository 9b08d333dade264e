"""Every write of people, roles, tokens, sign-ins and repeated requests."""

from __future__ import annotations

from apps.access.commands.campaigns import (
    answer_item,
    close_campaign,
    close_due_campaigns,
    open_campaign,
)
from apps.access.commands.delegations import delegate_reviews, end_delegation
from apps.access.commands.epochs import confirm_epoch, propose_epoch
from apps.access.commands.erasing import erase_person
from apps.access.commands.factors import (
    add_authenticator,
    add_passkey,
    make_recovery_codes,
    remove_factor,
)
from apps.access.commands.federation import (
    link_identity,
    reauthenticate_federated,
    sign_in_federated,
    unlink_identity,
)
from apps.access.commands.grants import end_grant, grant_role
from apps.access.commands.holds import place_hold, release_hold
from apps.access.commands.idempotency import begin_idempotent, finish_idempotent, forget_idempotent
from apps.access.commands.mapping import end_mapping, map_group
from apps.access.commands.people import (
    change_password,
    create_person,
    disable_person,
    enable_person,
    first_administrator,
)
from apps.access.commands.provisioning import (
    change_account,
    change_group,
    hand_over_account,
    provision_account,
    provision_group,
    remove_account,
    remove_group,
)
from apps.access.commands.roles import define_role, retire_role
from apps.access.commands.sessions import end_other_sessions, end_session, sign_out
from apps.access.commands.signing_in import (
    SecondFactorNeeded,
    confirm_password,
    finish_by_passkey,
    finish_sign_in,
    reauthenticate,
    reauthenticate_by_passkey,
    sign_in,
)
from apps.access.commands.tokens import issue_token, note_token_use, revoke_token

__all__ = [
    "SecondFactorNeeded",
    "add_authenticator",
    "add_passkey",
    "answer_item",
    "begin_idempotent",
    "change_account",
    "change_group",
    "change_password",
    "close_campaign",
    "close_due_campaigns",
    "confirm_epoch",
    "confirm_password",
    "create_person",
    "define_role",
    "delegate_reviews",
    "disable_person",
    "enable_person",
    "end_delegation",
    "end_grant",
    "end_mapping",
    "end_other_sessions",
    "end_session",
    "erase_person",
    "finish_by_passkey",
    "finish_idempotent",
    "finish_sign_in",
    "first_administrator",
    "forget_idempotent",
    "grant_role",
    "hand_over_account",
    "issue_token",
    "link_identity",
    "make_recovery_codes",
    "map_group",
    "note_token_use",
    "open_campaign",
    "place_hold",
    "propose_epoch",
    "provision_account",
    "provision_group",
    "reauthenticate",
    "reauthenticate_by_passkey",
    "reauthenticate_federated",
    "release_hold",
    "remove_account",
    "remove_factor",
    "remove_group",
    "retire_role",
    "revoke_token",
    "sign_in",
    "sign_in_federated",
    "sign_out",
    "unlink_identity",
]
