from __future__ import annotations

from django.db import connection, transaction
from django.utils import timezone

from apps.audit import keyring
from apps.audit.commands.recording import record
from apps.audit.errors import NotFound, Refused
from apps.audit.events import EventName
from apps.audit.models import KeyEnd, SigningKey
from apps.audit.states import Acting, Ref
from apps.engine.keys import FileSigner, Purpose

_LOCK = 0x6B657973  # "keys"


def service_signer(*, by: Acting, purpose: Purpose) -> FileSigner:
    """The service's own key for a purpose; it is made and registered when none ever was.

    Once a key is registered, a missing or another file is refused: a key is never replaced in silence.
    """
    signer = keyring.held(purpose)
    if signer is not None and signer.key_id in _open_keys(purpose):
        return signer
    return register_key(by=by, purpose=purpose, first_only=True)


@transaction.atomic
def register_key(*, by: Acting, purpose: Purpose, first_only: bool = False) -> FileSigner:
    """Register the public half of the key in the service's file, making the key when there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    signer, registered = keyring.held(purpose), _open_keys(purpose)
    if signer is not None and signer.key_id in registered:
        return signer
    if first_only and registered:
        raise Refused(_not_the_one(purpose, signer), code="key_unusable")
    signer = signer or keyring.made(purpose)
    if SigningKey.objects.filter(key_id=signer.key_id).exists():
        raise Refused(
            f"The {purpose} key in {keyring.key_path(purpose)} no longer counts; move the file away first.",
            code="key_unusable",
        )
    _register(signer, by=by, purpose=purpose)
    return signer


def _open_keys(purpose: Purpose) -> set[str]:
    return set(SigningKey.objects.filter(purpose=purpose, ends=None).values_list("key_id", flat=True))


def _not_the_one(purpose: Purpose, signer: FileSigner | None) -> str:
    path = keyring.key_path(purpose)
    fault = "is missing" if signer is None else "is not a registered one"
    return f"The service's {purpose} key ({path}) {fault}; restore it, or register it with `manage.py keys`."


def _register(signer: FileSigner, *, by: Acting, purpose: Purpose) -> None:
    event = record(
        by=by,
        action=EventName.KEY_REGISTERED,
        subject=Ref("key", signer.key_id, f"{purpose} key", signer.key_id),
        after={"purpose": purpose, "public": signer.public.hex()},
    )
    keyring.remember(signer.key_id)
    SigningKey.objects.create(
        key_id=signer.key_id,
        purpose=purpose,
        public=signer.public,
        valid_from=event.occurred_at,
        event=event,
    )


@transaction.atomic
def end_key(*, by: Acting, key_id: str, reason: str, revoked: bool = False) -> KeyEnd:
    """Put a key away from now on; `revoked` when it may have been stolen."""
    key = SigningKey.objects.filter(key_id=key_id).first()
    if key is None:
        raise NotFound(f"No key {key_id} is registered.")
    if not reason.strip():
        raise Refused("A reason is needed to end a key.", code="invalid", field="reason")
    if key.ends.filter(revoked=revoked).exists():
        raise Refused(f"The key {key_id} was {'revoked' if revoked else 'retired'} before.")
    action = EventName.KEY_REVOKED if revoked else EventName.KEY_RETIRED
    event = record(by=by, action=action, subject=key, reason=reason)
    return KeyEnd.objects.create(key=key, revoked=revoked, at=timezone.now(), event=event)
