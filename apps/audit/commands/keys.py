from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from apps.audit import keyring
from apps.audit.commands.recording import record
from apps.audit.errors import Invalid, NotFound, Refused
from apps.audit.events import EventName
from apps.audit.models import KeyEnd, SigningKey
from apps.audit.states import Acting, Ref
from apps.engine.keys import Purpose, Signer

_LOCK = 0x6B657973  # "keys"
# A key that was rotated counts a little longer: what was begun with it is still finished.
GRACE = timedelta(minutes=2)


def service_signer(*, by: Acting, purpose: Purpose) -> Signer:
    """The service's own key for a purpose; it is made and registered when none ever was.

    Once a key is registered, a missing or another one is refused: a key is never replaced in silence.
    """
    signer = keyring.held(purpose)
    if signer is not None and signer.key_id in _open_keys(purpose):
        return signer
    return register_key(by=by, purpose=purpose, first_only=True)


@transaction.atomic
def register_key(*, by: Acting, purpose: Purpose, first_only: bool = False) -> Signer:
    """Register the public half of the service's key, making the key when there is none."""
    _lock()
    signer, registered = keyring.held(purpose), _open_keys(purpose)
    if signer is not None and signer.key_id in registered:
        return signer
    if first_only and registered:
        raise Refused(_not_the_one(purpose, signer), code="key_unusable")
    signer = signer or keyring.made(purpose)
    if SigningKey.objects.filter(key_id=signer.key_id).exists():
        raise Refused(
            f"The {purpose} key in {keyring.key_path(purpose)} no longer counts; "
            f"`manage.py keys rotate --purpose {purpose}` puts a new one in its place.",
            code="key_unusable",
        )
    _register(signer, by=by, purpose=purpose)
    return signer


def rotate_key(*, by: Acting, purpose: Purpose, reason: str) -> Signer:
    """Put a new key in the place of the one in use, which is retired; done again, it finishes what broke off.

    Three steps, each whole: the new key is made and registered, it takes the place of the old one, the old
    one is retired. Whoever signs meanwhile does so with one of the two, and both count.
    """
    said = _said(reason)
    if keyring.following(purpose) is not None or not _half_done(purpose):
        with transaction.atomic():
            _lock()
            signer = keyring.made(purpose, following=True)
            if not SigningKey.objects.filter(key_id=signer.key_id).exists():
                _register(signer, by=by, purpose=purpose, reason=said)
        keyring.take_over(purpose)
    new = service_signer(by=by, purpose=purpose)
    with transaction.atomic():
        _lock()
        for key_id in sorted(_open_keys(purpose) - {new.key_id}):
            _end(SigningKey.objects.get(key_id=key_id), by=by, at=timezone.now() + GRACE, reason=said)
    return new


def _half_done(purpose: Purpose) -> bool:
    """Whether a rotation ended before the old key was retired."""
    signer, registered = keyring.held(purpose), _open_keys(purpose)
    return signer is not None and signer.key_id in registered and len(registered) > 1


@transaction.atomic
def end_key(
    *, by: Acting, key_id: str, reason: str, revoked: bool = False, since: datetime | None = None
) -> KeyEnd:
    """Put a key away from now on; `revoked` when it may have been stolen, `since` when, if that is known.

    What was signed with a stolen key counts only where the log held it before that moment. A moment that
    turns out to be earlier may be given again; never a later one.
    """
    said, now = _said(reason), timezone.now()
    key = SigningKey.objects.filter(key_id=key_id).first()
    if key is None:
        raise NotFound(f"No key {key_id} is registered.")
    if since is not None and not revoked:
        raise Invalid("Only a key that may have been stolen is ended as of an earlier time.", field="since")
    at = since or now
    if at > now:
        raise Invalid(f"{at.isoformat()} is still to come; a key was compromised before now.", field="since")
    before = key.ends.filter(revoked=revoked).order_by("at").first()
    if before is not None and at >= before.at:
        word = "revoked" if revoked else "retired"
        raise Refused(f"The key {key_id} was {word} before, as of {before.at.isoformat()}.")
    return _end(key, by=by, at=at, reason=said, revoked=revoked)


def _end(key: SigningKey, *, by: Acting, at: datetime, reason: str, revoked: bool = False) -> KeyEnd:
    field = "revoked_at" if revoked else "valid_to"
    known = key.record()
    event = record(
        by=by,
        action=EventName.KEY_REVOKED if revoked else EventName.KEY_RETIRED,
        subject=key,
        before={field: known.revoked_at if revoked else known.valid_to},
        after={field: at},
        reason=reason,
    )
    return KeyEnd.objects.create(key=key, revoked=revoked, at=at, event=event)


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _said(reason: str) -> str:
    if not reason.strip():
        raise Refused("A reason is needed to end a key.", code="invalid", field="reason")
    return reason.strip()


def _open_keys(purpose: Purpose) -> set[str]:
    """Keys that the service registered and that were not ended; a strange row of the database is none."""
    rows = SigningKey.objects.filter(purpose=purpose, ends=None).values_list("key_id", flat=True)
    return set(rows) & keyring.remembered()


def _not_the_one(purpose: Purpose, signer: Signer | None) -> str:
    path = keyring.key_path(purpose)
    fault = "is missing" if signer is None else "is not a registered one"
    return f"The service's {purpose} key ({path}) {fault}; restore it, or register it with `manage.py keys`."


def _register(signer: Signer, *, by: Acting, purpose: Purpose, reason: str = "") -> None:
    event = record(
        by=by,
        action=EventName.KEY_REGISTERED,
        subject=Ref("key", signer.key_id, f"{purpose} key", signer.key_id),
        after={"purpose": purpose, "public": signer.public.hex()},
        reason=reason,
    )
    keyring.remember(signer.key_id)
    SigningKey.objects.create(
        key_id=signer.key_id,
        purpose=purpose,
        public=signer.public,
        valid_from=event.occurred_at,
        event=event,
    )
