"""Passkeys (WebAuthn): what a browser is asked, and whether its answer is good.

The state of a question stays in the session of who is asked.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    UserVerificationRequirement,
)

from apps.access.models import Person, SecondFactor
from apps.audit.errors import Forbidden, Invalid

_LONGEST = 100_000
_ASK_HOLDER = UserVerificationRequirement.REQUIRED


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey that answered rightly."""

    credential: bytes
    key: bytes
    counter: int


def why_none() -> str:
    """Why passkeys cannot be used at this installation, or nothing."""
    host = urlsplit(settings.BASE_URL).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return ""
    return f"Passkeys need a host name; this installation answers at the address {host}."


def ask_to_register(person: Person, held: Iterable[SecondFactor]) -> tuple[str, dict[str, Any]]:
    """Options for the browser as JSON, and the state that the answer is checked with."""
    user = PublicKeyCredentialUserEntity(
        id=f"countersign-{person.pk}".encode(), name=person.username, display_name=str(person)
    )
    options, state = _server().register_begin(user, _keys(held), user_verification=_ASK_HOLDER)
    return json.dumps(dict(options)["publicKey"]), state


def registered(state: Mapping[str, Any] | None, answer: str) -> Passkey:
    """The passkey of a good answer; Invalid for any other."""
    try:
        found = _server().register_complete(state, _answer(answer))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid("The browser's answer does not fit what was asked; please try again.") from error
    data = found.credential_data
    if state is None or data is None:
        raise Invalid("Nothing was asked of a passkey here; please start again.")
    return Passkey(data.credential_id, bytes(data), found.counter)


def ask_to_prove(held: Iterable[SecondFactor]) -> tuple[str, dict[str, Any]]:
    """Options for the browser as JSON, and the state that the answer is checked with."""
    options, state = _server().authenticate_begin(_keys(held), user_verification=_ASK_HOLDER)
    return json.dumps(dict(options)["publicKey"]), state


def proven(state: Mapping[str, Any] | None, held: Iterable[SecondFactor], answer: str) -> Passkey:
    """The passkey that answered; Forbidden unless it is one of those held and signed this very question."""
    try:
        response = AuthenticationResponse.from_dict(_answer(answer))
        data = _server().authenticate_complete(state, _keys(held), response)
    except (ValueError, KeyError, TypeError, AttributeError, Invalid) as error:
        raise Forbidden("The passkey's answer is not good for this question; please try again.") from error
    if state is None:
        raise Forbidden("Nothing was asked of a passkey here; please start again.")
    return Passkey(data.credential_id, bytes(data), response.response.authenticator_data.counter)


def _answer(text: str) -> Mapping[str, Any]:
    if len(text) > _LONGEST:
        raise Invalid("The browser's answer is too long to be one.")
    found = json.loads(text)
    if not isinstance(found, dict):
        raise Invalid("The browser's answer is no object.")
    return found


def _keys(held: Iterable[SecondFactor]) -> list[AttestedCredentialData]:
    return [AttestedCredentialData(bytes(one.key)) for one in held if one.credential is not None]


def _server() -> Fido2Server:
    parts = urlsplit(settings.BASE_URL)
    here = f"{parts.scheme}://{parts.netloc}"
    party = PublicKeyCredentialRpEntity(id=parts.hostname or "", name="Countersign")
    return Fido2Server(party, verify_origin=lambda origin: origin == here)
