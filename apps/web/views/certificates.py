"""Signers' certificates: which stand, which were withdrawn, and withdrawing one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require
from apps.access.queries import visible_people
from apps.access.states import Permission
from apps.audit.errors import NotFound
from apps.reports import certificates, commands, queries
from apps.reports.states import Cause
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def certificate_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Certificates that stand, and those that were withdrawn."""
    require(by, Permission.PERSON_MANAGE)
    held = certificates.holders()
    people = {one.pk: one for one in visible_people(by).filter(pk__in=[key for key, _ in held])}
    context = {
        "title": "Signing certificates",
        "held": [(people[key], one, certificates.fingerprint(one)) for key, one in held if key in people],
        "withdrawn": queries.revocations(),
        "causes": list(Cause),
    }
    return render(request, "reports/certificates.html", context)


@page("POST")
def revoke(request: HttpRequest, person_id: int, *, by: Person) -> HttpResponse:
    """Withdraw the certificate of somebody."""
    person = visible_people(by).filter(pk=person_id).first()
    if person is None:
        raise NotFound(f"There is no person {person_id}.")
    cause, reason = request.POST.get("cause", ""), request.POST.get("reason", "")
    commands.revoke_certificate(by=by, person=person, cause=cause, reason=reason)
    return done(request, f"The certificate of {person} counts no more.", "/reports/certificates")
