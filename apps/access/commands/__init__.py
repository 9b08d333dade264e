"""Every write of people, roles, tokens, sign-ins and repeated requests."""

from __future__ import annotations

from apps.access.commands.epochs import confirm_epoch, propose_epoch
from apps.access.commands.erasing import erase_person
from apps.access.commands.grants import end_grant, grant_role
from apps.access.commands.holds import place_hold, release_hold
from apps.access.commands.idempotency import begin_idempotent, finish_idempotent, forget_idempotent
from apps.access.commands.people import (
    change_password,
    create_person,
    disable_person,
    first_administrator,
)
from apps.access.commands.signing_in import reauthenticate, sign_in
from apps.access.commands.tokens import issue_token, revoke_token

__all__ = [
    "begin_idempotent",
    "change_password",
    "confirm_epoch",
    "create_person",
    "disable_person",
    "end_grant",
    "erase_person",
    "finish_idempotent",
    "first_administrator",
    "forget_idempotent",
    "grant_role",
    "issue_token",
    "place_hold",
    "propose_epoch",
    "reauthenticate",
    "release_hold",
    "revoke_token",
    "sign_in",
]
