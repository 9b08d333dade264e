"""Whether a report is genuine, asked by anybody: a PDF in, the answer signature by signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.api.endpoints import answer, endpoint, operation
from apps.api.problems import ApiProblem
from apps.api.reading import content_length, refuse_large
from apps.engine.canonical import rfc3339
from apps.engine.verify_apart import Busy
from apps.reports.verification import LARGEST, Examined, examine_file

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "POST",
    "Verify a report: the body is the PDF.",
    media="application/pdf",
    answers={200: "The answer.", 413: "Too large.", 415: "No PDF.", 429: "Too many at once."},
)
def verify_file(request: HttpRequest, *, by: Person | None) -> HttpResponse:
    refuse_large(request, LARGEST)
    if request.content_type != "application/pdf":
        raise ApiProblem(415, "Send the file as application/pdf.", code="media_type")
    try:
        return answer(rendered(examine_file(request.read(content_length(request)))))
    except Busy as error:
        raise ApiProblem(429, str(error), code="busy", headers={"Retry-After": "60"}) from error


def rendered(examined: Examined) -> dict[str, Any]:
    """What an examination found, as JSON."""
    return {
        "kind": "ReportVerification",
        "genuine": examined.genuine,
        "sentence": examined.sentence,
        "digest": examined.digest,
        "signatures": [
            {
                "name": one.name,
                "meaning": one.meaning,
                "claimed_at": rfc3339(one.claimed) if one.claimed else None,
                "stamped_at": rfc3339(one.stamped) if one.stamped else None,
                "authority": one.authority,
                "certificate": one.certificate,
                "holds": not one.wrong,
                "wrong": one.wrong or None,
            }
            for one in examined.signatures
        ],
    }


verify = endpoint(verify_file, public=True)
