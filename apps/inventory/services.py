"""The services outside that this installation lets its workers ask for scores."""

from __future__ import annotations

from django.conf import settings

from apps.audit.errors import Invalid
from apps.engine.errors import BadInput
from apps.engine.manifest_endpoint import Endpoint
from apps.outside.children import Outside
from apps.outside.permits import Permits


def outside() -> Outside:
    """What may be asked, with which secrets, and whether answers are kept."""
    permits = Permits.of(settings.ENDPOINTS, settings.ENDPOINT_SECRETS)
    return Outside(permits, keep=settings.ENDPOINT_ANSWERS_KEPT)


def permitted(endpoint: Endpoint | None) -> None:
    """Refuse a version whose service may not be asked, or whose secret is not there; nothing is asked."""
    if endpoint is None:
        return
    permits = outside().permits
    try:
        permits.for_endpoint(endpoint)
        permits.secret(endpoint)
    except BadInput as refused:
        raise Invalid(str(refused), field="manifest") from refused
