"""Signing in by another's word, and what the groups that others name are worth here."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.access import guards
from apps.access.commands.mapping import follow_groups
from apps.access.commands.people import end_sessions, new_account
from apps.access.commands.signing_in import SecondFactorNeeded
from apps.access.federation import (
    identities_of,
    linked,
    subject_digest,
)
from apps.access.federation_models import DirectoryAccount, ExternalIdentity, UsedAnswer
from apps.access.guards import require
from apps.access.issuers import LEEWAY
from apps.access.models import Person
from apps.access.oidc import Proof
from apps.access.providers import Provider
from apps.access.queries import has_factor
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Forbidden, Refused
from apps.audit.events import EventName
from apps.audit.states import Acting, Ref, system

_UNKNOWN = (
    "No account here is linked to this one. Sign in with your password and link it under Your account, "
    "or ask an administrator."
)
_PROVIDERS = system("sign-in")
_NOT_PLAIN = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Entered:
    """Who came in, by which identity, and which roles of their groups were refused and why."""

    person: Person
    identity: ExternalIdentity
    refused: list[str]


def sign_in_federated(*, proof: Proof) -> Entered:
    """The person whom a provider vouched for; each answer of a provider counts once."""
    use_answer(by=_PROVIDERS, state=proof.state)
    entered = _entered(proof)
    if entered is None:
        raise _unknown(proof)
    if has_factor(entered.person) and not proof.two_factors:
        raise SecondFactorNeeded(entered.person)
    after = {"provider": proof.provider.key, "two_factors": proof.two_factors}
    audit.record(by=entered.person, action=EventName.SESSION_OPENED, subject=entered.person, after=after)
    return entered


@transaction.atomic
def _entered(proof: Proof) -> Entered | None:
    person = linked(proof.provider.issuer, proof.subject) or _first_time(proof)
    if person is None or not person.is_active or person.is_service:
        return None
    identity = identities_of(person).get(issuer=proof.provider.issuer, subject=proof.subject)
    source, refused = proof.provider.source, []
    if proof.groups is not None:
        refused = follow_groups(by=_PROVIDERS, person=person, source=source, groups=proof.groups)
    return Entered(person, identity, refused)


def _unknown(proof: Proof) -> Forbidden:
    who = Ref("account", subject_digest(proof.provider.issuer, proof.subject), "unknown")
    after = {"provider": proof.provider.key}
    audit.record(by=_PROVIDERS, action=EventName.SESSION_REFUSED, subject=who, after=after)
    return Forbidden(f"{_UNKNOWN} Your name there is {proof.subject}.", code="not_linked")


def use_answer(*, by: Acting, state: str) -> None:
    """Refused for an answer that was used before, also where both come at the same moment."""
    digest = hashlib.sha256(state.encode()).hexdigest()
    try:
        with transaction.atomic():
            UsedAnswer.objects.create(digest=digest)
    except IntegrityError:
        who = Ref("answer", digest, "used before")
        audit.record(by=by, action=EventName.SESSION_REFUSED, subject=who)
        raise Forbidden("This answer was used before; please begin again.", code="replayed") from None


def _first_time(proof: Proof) -> Person | None:
    """An account that the provider's directory keeps under that name, or a new one where those are made."""
    kept = _kept_by_directory(proof)
    person = kept or _created(proof)
    if person is not None:
        _link(person, proof.provider, proof.subject, by=_PROVIDERS)
    return person


def _kept_by_directory(proof: Proof) -> Person | None:
    provider = proof.provider
    if not provider.directory or not proof.directory_id:
        return None
    rows = DirectoryAccount.objects.filter(
        directory__username=provider.directory, directory__is_active=True, external_id=proof.directory_id
    )
    row = rows.select_related("person").first()
    known = row is not None and identities_of(row.person).filter(issuer=provider.issuer).exists()
    return row.person if row is not None and not known else None


def _created(proof: Proof) -> Person | None:
    """A new account without any right; none where its name or its e-mail is somebody's already."""
    key = _NOT_PLAIN.sub("-", proof.username.partition("@")[0].casefold()).strip(".-_")[:64].strip(".-_")
    if not proof.provider.create_accounts or not key:
        return None
    taken = Q(username=key) | (Q(email__iexact=proof.email) if proof.email else Q(pk=None))
    if Person.objects.filter(taken).exists():
        return None
    return new_account(by=_PROVIDERS, username=key, name=proof.name or key, email=proof.email)


def link_identity(
    *, by: Person, person: Person, provider: Provider, subject: str, state: str = "", reason: str = ""
) -> ExternalIdentity:
    """Link an account with who its person is at a provider.

    One's own with an answer of the provider; another's as an administrator, with a reason.
    """
    named, said = required(subject, field="subject", longest=255), reason
    if by.pk == person.pk:
        guards.own_account(by)
        use_answer(by=by, state=state)
    else:
        require(by, Permission.PERSON_MANAGE)
        guards.grant_by_another(by, person)
        said = required(reason, field="reason", lines=True)
    if person.is_service or not person.is_active:
        raise Refused(f"{person.username} is no account that a person signs in to.")
    with transaction.atomic():
        if linked(provider.issuer, named) is not None:
            raise Refused(f"This account of {provider.title} is linked to an account here already.")
        return _link(person, provider, named, by=by, reason=said)


def _link(
    person: Person, provider: Provider, subject: str, *, by: Acting, reason: str = ""
) -> ExternalIdentity:
    row = ExternalIdentity.objects.create(
        person=person,
        provider=provider.key,
        issuer=provider.issuer,
        subject=subject,
        linked_by=by if isinstance(by, Person) else None,
    )
    after = {"person": str(person.pk), "provider": row.provider, "issuer": row.issuer}
    audit.record(by=by, action=EventName.IDENTITY_LINKED, subject=row, after=after, reason=reason)
    return row


@transaction.atomic
def unlink_identity(*, by: Person, identity: ExternalIdentity, reason: str = "") -> None:
    """End a link: one's own, or as an administrator another's, with a reason; sessions end with it."""
    said, person = reason, identity.person
    if by.pk == person.pk:
        guards.own_account(by)
        _keep_a_way_in(person)
    else:
        require(by, Permission.PERSON_MANAGE)
        said = required(reason, field="reason", lines=True)
    if not ExternalIdentity.objects.filter(pk=identity.pk, ended_at=None).update(ended_at=Now()):
        raise Refused("The link was ended before.")
    follow_groups(by=by, person=person, source=f"oidc:{identity.provider}", groups=())
    ended = end_sessions(person) if by.pk != person.pk else 0
    before = {"person": str(person.pk), "provider": identity.provider}
    after = {**before, "ended": True, "sessions_ended": ended}
    audit.record(
        by=by, action=EventName.IDENTITY_UNLINKED, subject=identity, before=before, after=after, reason=said
    )


def _keep_a_way_in(person: Person) -> None:
    if not person.has_usable_password() and identities_of(person).count() < 2:
        raise Refused("You have no password: without this link you could not sign in any more.")


def reauthenticate_federated(*, by: Person, proof: Proof) -> None:
    """Refused unless the provider asked the same person again just now."""
    guards.own_account(by)
    use_answer(by=by, state=proof.state)
    who = linked(proof.provider.issuer, proof.subject)
    if who is None or who.pk != by.pk or not by.is_active:
        audit.record(by=_PROVIDERS, action=EventName.SESSION_REFUSED, subject=by)
        raise Forbidden(f"{proof.provider.title} vouches for somebody else than who is signed in.")
    at = proof.authenticated_at
    if at is None or at < proof.asked_at - LEEWAY:
        raise Forbidden(f"{proof.provider.title} did not ask you again (auth_time), so nothing is confirmed.")
    if not proof.two_factors:
        guards.require_factor(by, here=True)
        if has_factor(by):
            raise SecondFactorNeeded(by)
    audit.record(by=by, action=EventName.REAUTHENTICATION_PASSED, subject=by)
