"""Integrations set up, changed, ended; secrets made, shown once, rotated; models bound to pipelines."""

from __future__ import annotations

import base64
import secrets as random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.access.guards import require
from apps.access.locked import lock
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.deploys import guards
from apps.deploys.integrations import kinds, reading, service_accounts
from apps.deploys.integrations.aws import Session
from apps.deploys.integrations.sending import NotTold
from apps.deploys.models import Binding, Environment, Integration, IntegrationSecret
from apps.deploys.states import VersionFrom
from apps.inventory.models import RegisteredModel

OVERLAP = timedelta(hours=24)
_LARGEST_SECRET = 8192


@transaction.atomic
def make_integration(
    *, by: Person, kind: str, name: str, account: Person, settings: Mapping[str, str], hosts: str = ""
) -> tuple[Integration, dict[str, str]]:
    """Set an integration up. The second value holds its secrets, which are shown this once."""
    require(by, Permission.INTEGRATION_MANAGE)
    chosen = kinds.kind_of(kind)
    _fit(account)
    row = Integration(
        kind=chosen.key,
        name=_free_name(name),
        settings=kinds.checked(chosen, settings),
        hosts=kinds.hosts_named(hosts or " ".join(chosen.hosts)),
        account=account,
        made_by=by,
    )
    row.save(force_insert=True)
    made = {s.name: _made(row, s) for s in chosen.secrets if not s.given}
    after = {"kind": chosen.key, "settings": row.settings, "hosts": row.hosts, "account": str(account.pk)}
    audit.record(by=by, action=EventName.INTEGRATION_MADE, subject=row, after=after)
    return row, made


def _free_name(name: str) -> str:
    key = guards.environment_key(required(name, field="name", longest=80))
    if Integration.objects.filter(name=key).exists():
        raise Invalid(f"There is an integration {key} already.", field="name")
    return key


def _fit(account: Person) -> None:
    if account not in reading.accounts():
        raise Invalid(
            f"{account.username} cannot ask for it: a service account with the role Pipeline is needed.",
            field="account",
        )


def _made(row: Integration, secret: kinds.Secret) -> str:
    raw = secret.prefix + (
        base64.b64encode(random.token_bytes(32)).decode() if secret.prefix else random.token_urlsafe(32)
    )
    _keep(row, secret.name, raw)
    return raw


def _keep(row: Integration, name: str, raw: str) -> None:
    IntegrationSecret.objects.create(
        integration=row,
        name=name,
        locked=lock(raw.encode(), for_what=reading.purpose(row, name)),
        last4="" if "\n" in raw else raw[-4:],
    )


@transaction.atomic
def rotate_secret(*, by: Person, integration: Integration, name: str, at_once: bool = False) -> str:
    """Make a secret anew and return it, this once. The one before holds a day more, or ends at once."""
    require(by, Permission.INTEGRATION_MANAGE)
    chosen = kinds.secret_of(kinds.kind_of(integration.kind), name)
    if chosen.given:
        raise Refused(f"“{chosen.title}” is made on the other side; give it here instead.")
    _end(integration, name, after=timedelta(0) if at_once else OVERLAP)
    raw = _made(integration, chosen)
    _told_of(by, integration, name, at_once=at_once)
    return raw


@transaction.atomic
def give_secret(*, by: Person, integration: Integration, name: str, value: str) -> None:
    """Keep a secret that was made on the other side; the one before it ends at once."""
    require(by, Permission.INTEGRATION_MANAGE)
    chosen = kinds.secret_of(kinds.kind_of(integration.kind), name)
    if not chosen.given:
        raise Refused(f"“{chosen.title}” is made here; rotate it instead.")
    _keep_given(integration, chosen, value.strip())
    _told_of(by, integration, name, at_once=True)


def _keep_given(row: Integration, chosen: kinds.Secret, value: str) -> None:
    if not value or len(value) > _LARGEST_SECRET or not value.isascii():
        raise Invalid(f"“{chosen.title}” is empty, too long, or not plain text.", field=chosen.name)
    if chosen.name == "private_key":
        _rsa(value)
    elif chosen.name == "jwks":
        _public(value)
    elif chosen.name == "session":
        _temporary(value)
    elif not value.isprintable() or " " in value:
        raise Invalid(f"“{chosen.title}” holds blanks or line ends.", field=chosen.name)
    _end(row, chosen.name, after=timedelta(0))
    _keep(row, chosen.name, value)


def _temporary(text: str) -> None:
    try:
        Session.of(text).held(timezone.now())
    except NotTold as fault:
        raise Invalid(str(fault), field="session") from None


def _rsa(pem: str) -> None:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
        raise Invalid(
            "The private key cannot be read: an RSA key of at least 2048 bits in PEM was expected.",
            field="private_key",
        )


def _public(text: str) -> None:
    try:
        service_accounts.keys_of(text)
    except (ValueError, RecursionError):
        raise Invalid(
            "The keys cannot be read: a JWKS with public keys was expected, as `kubectl get --raw "
            "/openid/v1/jwks` gives it.",
            field="jwks",
        ) from None


def _end(row: Integration, name: str, *, after: timedelta) -> None:
    """At most two of a name hold at a time, and the older one not for long."""
    held = list(reading.secrets_in_force(row).filter(name=name))
    for place, secret in enumerate(held):
        ends = Now() + after if place == 0 else Now()
        IntegrationSecret.objects.filter(pk=secret.pk).update(ends_at=ends)


def _told_of(by: Person, row: Integration, name: str, *, at_once: bool) -> None:
    after = {"called": name, "former_ends": "at once" if at_once else "in a day"}
    audit.record(by=by, action=EventName.INTEGRATION_REKEYED, subject=row, after=after)


@transaction.atomic
def change_integration(
    *, by: Person, integration: Integration, account: Person, settings: Mapping[str, str], hosts: str
) -> Integration:
    """Change the settings, the hosts and the account of an integration."""
    require(by, Permission.INTEGRATION_MANAGE)
    chosen = kinds.kind_of(integration.kind)
    _fit(account)
    held = Integration.objects.select_for_update().get(pk=integration.pk)
    before = _facts(held)
    held.settings, held.hosts = kinds.checked(chosen, settings), kinds.hosts_named(hosts)
    held.account = account
    held.save(update_fields=["settings", "hosts", "account"])
    audit.record(by=by, action=EventName.INTEGRATION_CHANGED, subject=held, before=before, after=_facts(held))
    return held


@transaction.atomic
def switch_integration(*, by: Person, integration: Integration, on: bool, reason: str) -> Integration:
    """Disable an integration, so that nothing of it is taken in or told, or enable it again."""
    require(by, Permission.INTEGRATION_MANAGE)
    said = required(reason, field="reason")
    if not Integration.objects.filter(pk=integration.pk, enabled=not on).update(enabled=on):
        raise Refused(f"{integration.name} is {'enabled' if on else 'disabled'} already.")
    integration.enabled = on
    audit.record(
        by=by,
        action=EventName.INTEGRATION_SWITCHED,
        subject=integration,
        before={"enabled": not on},
        after={"enabled": on},
        reason=said,
    )
    return integration


def _facts(row: Integration) -> dict[str, object]:
    return {"settings": row.settings, "hosts": row.hosts, "account": str(row.account_id)}


@transaction.atomic
def bind_model(
    *,
    by: Person,
    integration: Integration,
    model: RegisteredModel,
    environment: Environment,
    source: str = "",
    place: str = "",
    use: str = "",
    version_from: str = VersionFrom.MANIFEST,
    version: str = "",
    deploy_type: str = "",
    properties: Mapping[str, Any] | None = None,
) -> Binding:
    """Say which model a repository or project speaks of, and where its place lies."""
    require(by, Permission.INTEGRATION_MANAGE)
    row = Binding(
        integration=integration,
        source=_source(integration, source),
        place=clean(place, field="place", longest=200),
        model=model,
        environment=environment,
        use=clean(use, field="use", longest=120),
        version_from=_way(version_from),
        version=_fixed(version_from, version),
        deploy_type=guards.deploy_type(deploy_type),
        properties=guards.properties(properties or {}),
        made_by=by,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise Refused(f"{model.key} is bound to that already.", field="model") from None
    audit.record(by=by, action=EventName.BINDING_MADE, subject=row, after=_binding(row))
    return row


def _source(integration: Integration, text: str) -> str:
    """Anybody may have a repository at a public issuer: there each is named by its number."""
    found = clean(text, field="source", longest=200)
    if integration.kind == "ci-oidc" and not kinds.NUMBER.fullmatch(found):
        raise Invalid("Name the repository or project by its number.", field="source")
    if integration.kind == service_accounts.KIND and not service_accounts.NAMED.fullmatch(found):
        raise Invalid("Name the service account as namespace/name.", field="source")
    return found


def _way(text: str) -> VersionFrom:
    if text not in list(VersionFrom):
        raise Invalid(
            f"The version is read from {', '.join(VersionFrom)}, not “{text[:40]}”.", field="version_from"
        )
    return VersionFrom(text)


def _fixed(way: str, version: str) -> str:
    label = clean(version, field="version", longest=120)
    if bool(label) != (way == VersionFrom.FIXED):
        raise Invalid("A version is named where it is fixed, and nowhere else.", field="version")
    return label


@transaction.atomic
def unbind_model(*, by: Person, binding: Binding) -> Binding:
    """End a binding: what the pipeline asks by it is denied from now on."""
    require(by, Permission.INTEGRATION_MANAGE)
    if not Binding.objects.filter(pk=binding.pk, ended_at=None).update(ended_at=Now()):
        raise Refused("This binding was ended before.")
    audit.record(by=by, action=EventName.BINDING_ENDED, subject=binding, before=_binding(binding), after={})
    return binding


def _binding(row: Binding) -> dict[str, Any]:
    return {
        "source": row.source,
        "place": row.place,
        "model": row.model.key,
        "environment": row.environment.key,
        "use": row.use,
        "version": row.version or row.version_from,
        **({"type": row.deploy_type} if row.deploy_type else {}),
        **({"properties": row.properties} if row.properties else {}),
    }
