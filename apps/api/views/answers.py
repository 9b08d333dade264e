"""What the deploy gate would answer, now or as of a second: why was this allowed in March?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from apps.access.guards import require
from apps.access.states import Permission
from apps.api.endpoints import answer, endpoint, operation
from apps.deploys.queries import find_environment, would_answer
from apps.inventory.queries import find_use, find_version

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "GET",
    "What the deploy gate would answer, with every reason; nothing is written. With `at`: what it would "
    "have answered then, from the facts as they were.",
    query=dict.fromkeys(("model", "version", "use", "environment"), "string"),
    answers={200: "The answer and the time it is of.", 404: "No such version or environment."},
)
def show_answer(request: HttpRequest, *, by: Person) -> HttpResponse:
    asked = {name: request.GET.get(name, "") for name in ("model", "version", "use", "environment")}
    version = find_version(by, asked["model"], asked["version"])
    require(by, Permission.ADMISSION_SEE, version.model)
    found = would_answer(
        version, find_use(version.model, asked["use"]), find_environment(asked["environment"])
    )
    return answer(found.as_json())


answers = endpoint(show_answer)
