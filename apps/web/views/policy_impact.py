"""What a draft would change, told while it is worked out: the page grows as models are replayed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.http import HttpRequest, StreamingHttpResponse
from django.template.loader import render_to_string

from apps.audit.errors import Invalid
from apps.gates.impacts import Steps, impact_steps
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person

_HERE = "<!-- the impact -->"


@page("POST")
def impact(request: HttpRequest, *, by: Person) -> StreamingHttpResponse:
    """The impact of the text as typed; nothing is kept."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    if not text.strip():
        raise Invalid("Please write the policy, or paste its file.", field="text")
    steps = impact_steps(by=by, data=text.encode())
    frame = render_to_string(
        "policies/impact_page.html", {"title": "What it would change", "has_past": False}, request
    )
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(_parts(frame, steps), headers=headers)


def _parts(frame: str, steps: Steps) -> Iterator[str]:
    before, _, after = frame.partition(_HERE)
    yield before + '<div class="replaying" role="status">'
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            found = end.value.as_json()
            yield "</div>" + render_to_string("policies/impact.html", {"impact": found}) + after
            return
        yield render_to_string("policies/impact_step.html", {"done": done, "total": total})
