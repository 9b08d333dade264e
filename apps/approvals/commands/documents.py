"""Documents that policies ask for: given, signed in a role, bound to a version by digest."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals.models import Document
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.inventory.models import ModelVersion, Use


@transaction.atomic
def give_document(
    *,
    by: Person,
    version: ModelVersion,
    use: Use,
    key: str,
    blob_digest: str,
    signed_by: list[str],
    statement_digest: str,
    given_at: datetime | None = None,
    type: str = "document",
) -> Document:
    """Note that a document exists with these bytes and these roles' signatures."""
    require(by, Permission.REPORT_SIGN, version.model)
    document = Document.objects.create(
        version=version,
        use=use,
        key=key,
        type=type,
        blob_digest=blob_digest,
        signed_by=sorted(set(signed_by)),
        given_by=by,
        given_at=given_at or timezone.now(),
        statement_digest=statement_digest,
    )
    after = {"key": key, "digest": blob_digest, "signedBy": document.signed_by}
    audit.record(by=by, action=EventName.DOCUMENT_GIVEN, subject=document, after=after)
    return document
