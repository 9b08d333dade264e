"""Letters: what somebody has not been written of yet, in plain text and in simple HTML."""

from __future__ import annotations

from smtplib import SMTPException

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import BadHeaderError, EmailMultiAlternatives, get_connection
from django.core.validators import validate_email
from django.template.loader import render_to_string

from apps.notices.models import Delivery, Notice
from apps.notices.reach import sees
from apps.notices.sending import Came

SECONDS = 15
MOST = 100


def post(delivery: Delivery) -> Came:
    """Write to a person; what they may not see any more is left out."""
    person = delivery.person
    if person is None or not person.is_active or not person.email:
        return Came(False, "Nobody is there to write to any more.", final=True)
    rows = [n for n in delivery.notices.all()[:MOST] if not n.model_key or sees(person, n.model_key)]
    if not rows:
        return Came(True, "There is nothing left that may be told.")
    try:
        validate_email(person.email)
        _message(delivery, person.email, rows).send()
    except (ValidationError, BadHeaderError):
        return Came(False, "The address of this account is none that can be written to.", final=True)
    except (SMTPException, OSError) as problem:
        return Came(False, f"The mail server took no letter ({type(problem).__name__}).")
    return Came(True, "The mail server took the letter.")


def _message(delivery: Delivery, to: str, rows: list[Notice]) -> EmailMultiAlternatives:
    told = {"rows": rows, "base": settings.BASE_URL, "kind": delivery.kind}
    message = EmailMultiAlternatives(
        subject=subject_of(rows),
        body=render_to_string("notices/letter.txt", told),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[to],
        headers={"Message-ID": f"<{delivery.pk}@countersign>", "Auto-Submitted": "auto-generated"},
        connection=get_connection(timeout=SECONDS),
    )
    message.attach_alternative(render_to_string("notices/letter.html", told), "text/html")
    return message


def subject_of(rows: list[Notice]) -> str:
    """One line without anything that could end it."""
    first = " ".join(rows[0].text.split())[:120]
    return f"Countersign: {first}" if len(rows) == 1 else f"Countersign: {len(rows)} notices"
