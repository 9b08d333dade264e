"""Identity tokens of pipelines: each is taken for one request, however often that request is sent."""

from __future__ import annotations

import hashlib
import uuid

from django.db import IntegrityError, transaction

from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.deploys.integrations.identities import NotBelieved, Recognised
from apps.deploys.models import TokenUse


@transaction.atomic
def use_identity(*, by: Acting, identity: Recognised, request: str = "") -> TokenUse:
    """Note that a token was used; `request` is the key under which the same request may come again."""
    made = hashlib.sha256((request or uuid.uuid4().hex).encode()).hexdigest()
    row = TokenUse(integration=identity.integration, jti=identity.jti, request=made)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        found = TokenUse.objects.get(integration=identity.integration, jti=identity.jti)
        if found.request != made and not identity.again:
            raise NotBelieved("This token was used before; a job asks for a new one each time.") from None
        return found
    after = {"source": identity.source, "place": identity.place, **identity.told}
    audit.record(by=by, action=EventName.IDENTITY_USED, subject=identity.integration, after=after)
    return row
