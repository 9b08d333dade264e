"""The signed list of revocations, for those who verify answers without the service."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection, transaction

from apps.access.guards import require_anywhere
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.deploys.models import RevocationList
from apps.deploys.revocations import revocation_epoch
from apps.engine.canonical import canonical, digest
from apps.engine.offline import REVOCATIONS
from apps.gates.clock import database_now

# A list is sealed anew for a new epoch, and so often that verifiers need none that is old.
FRESH = timedelta(hours=1)
_LOCK = 0x0C5E_5EA1


@transaction.atomic
def seal_revocations(*, by: Person) -> RevocationList:
    """The list of this epoch, sealed unless a fresh one is there."""
    require_anywhere(by, Permission.ADMISSION_ASK)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    newest, now = RevocationList.objects.order_by("-epoch", "-sealed_at").first(), database_now()
    # Should rows that were counted be gone, the epoch still never goes back.
    epoch = max(revocation_epoch(), newest.epoch if newest else 0)
    if newest is not None and newest.epoch == epoch and now - newest.sealed_at < FRESH:
        return newest
    about = Ref("revocations", str(epoch), "countersign:revocations", digest(canonical({"epoch": epoch})))
    statement = audit.seal(
        by=by,
        predicate_type=REVOCATIONS,
        subjects=[about],
        predicate={"epoch": epoch},
        event=EventName.REVOCATIONS_SEALED,
        about=about,
    )
    return RevocationList.objects.create(sealed_at=now, epoch=epoch, statement_digest=statement.digest)
