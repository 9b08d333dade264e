"""What a run asked of a service and what it was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from apps.api.endpoints import endpoint, operation
from apps.gates import queries
from apps.gates.transcripts import transcript_of
from apps.outside.transcript import MEDIA

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "GET",
    "The answers of the service that a run asked, for `countersign replay --recorded`.",
    answers={200: "Lines of JSON.", 403: "For those who export.", 404: "The run asked no service."},
    produces=(MEDIA,),
)
def show_transcript(_: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponseBase:
    digest, pieces = transcript_of(by, queries.find_run(by, run_id))
    name = f'attachment; filename="transcript-{digest[7:19]}.jsonl"'
    return StreamingHttpResponse(pieces, content_type=MEDIA, headers={"Content-Disposition": name})


transcript = endpoint(show_transcript)
