"""Withdrawing a signer's certificate: what was signed before, in proved time, stays good; nothing after."""

from __future__ import annotations

from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.reports import certificates
from apps.reports.certificates import fingerprint
from apps.reports.models import CertificateRevocation
from apps.reports.states import Cause

REVOCATION = "https://countersign.dev/certificate-revocation/v1"


def revoke_certificate(*, by: Person, person: Person, cause: str, reason: str) -> CertificateRevocation:
    """Withdraw the certificate with which a person signs reports now, and destroy its key."""
    require(by, Permission.PERSON_MANAGE)
    certificate = certificates.held_by(person)
    if certificate is None:
        raise Refused(f"{person} has no certificate that could be withdrawn.")
    row = _keep(by, person, certificate, _cause(cause), required(reason, field="reason", longest=500))
    certificates.forget(person, row.certificate_sha256)
    return row


def _cause(text: str) -> Cause:
    if text not in tuple(Cause):
        raise Invalid(f"“{text[:40]}” is no cause; choose {', '.join(Cause)}.", field="cause")
    return Cause(text)


@transaction.atomic
def _keep(
    by: Person, person: Person, certificate: certificates.Certificate, cause: Cause, reason: str
) -> CertificateRevocation:
    sha256 = fingerprint(certificate)
    if CertificateRevocation.objects.filter(certificate_sha256=sha256).exists():
        raise Refused("The certificate is withdrawn already.")
    serial = format(certificate.serial_number, "x")
    statement = audit.seal(
        by=by,
        predicate_type=REVOCATION,
        subjects=[Ref("certificate", sha256, f"certificate of person {person.pk}", f"sha256:{sha256}")],
        predicate={"person": str(person.pk), "serial": serial, "cause": cause, "reason": reason},
        event=EventName.CERTIFICATE_REVOKED,
        reason=reason,
    )
    return CertificateRevocation.objects.create(
        person=person,
        certificate_sha256=sha256,
        serial=serial,
        cause=cause,
        reason=reason,
        revoked_by=by,
        revoked_at=statement.signed_at,
        statement_digest=statement.digest,
    )
