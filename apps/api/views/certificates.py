"""Signers' certificates over HTTP: one is withdrawn, and nothing made with it afterwards counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from apps.access import overseeing
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.reports import commands

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "POST",
    "Withdraw the certificate with which somebody signs reports; what was stamped before stays good.",
    request={"cause": "string", "reason": "string"},
    answers={200: "What was withdrawn.", 409: "There is none."},
)
def revoke_certificate(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    person = overseeing.overseen(by, username)
    fields = Fields(body(request))
    cause, reason = fields.text("cause"), fields.text("reason")
    fields.done()
    row = commands.revoke_certificate(by=by, person=person, cause=cause, reason=reason)
    told = {"person": person.username, "certificate_sha256": row.certificate_sha256}
    return answer({**told, "cause": row.cause, "revoked_at": row.revoked_at})


revocation = endpoint(revoke_certificate)
