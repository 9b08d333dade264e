"""The people of the demo, with their roles."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from apps.access import commands as access
from apps.access.models import Person
from apps.audit.states import system

PASSWORD = "try-countersign-today"  # noqa: S105 - of the demo, and printed by it
PIPELINE_FILE = "demo-pipeline"

CAST = (
    ("dana", "Dana Developer", "developer"),
    ("omar", "Omar Owner", "owner"),
    ("vera", "Vera Validator", "validator"),
    ("rob", "Rob Risk", "risk-officer"),
    ("cora", "Cora Committee", "committee"),
    ("hana", "Hana Head", "head-of-model-risk"),
    ("pia", "Pia Policy", "model-risk-policy"),
    ("paul", "Paul Policy", "model-risk-policy"),
    ("alex", "Alex Auditor", "auditor"),
)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays."""

    admin: Person
    pipeline: Person
    people: dict[str, Person]

    def __getitem__(self, name: str) -> Person:
        return self.people[name]


def hire() -> Cast:
    """Everybody, each made by the administrator."""
    admin = access.first_administrator(by=system("demo"), username="ada", name="Ada Admin", password=PASSWORD)
    people = {}
    for username, name, role in CAST:
        people[username] = access.create_person(by=admin, username=username, name=name, password=PASSWORD)
        access.grant_role(by=admin, person=people[username], role=role, reason="Demo")
    pipeline = access.create_person(
        by=admin, username="pipeline", name="Deployment pipeline", is_service=True
    )
    access.grant_role(by=admin, person=pipeline, role="pipeline", reason="Demo")
    return Cast(admin, pipeline, people)


def give_token(cast: Cast) -> Path:
    """A token for the pipeline in a file that only its owner may read; it is shown nowhere else."""
    scopes = ["model.see", "version.register", "run.request", "admission.ask", "admission.see"]
    _, raw = access.issue_token(
        by=cast.admin, person=cast.pipeline, name="demo pipeline", scopes=scopes, days=30
    )
    path = Path(settings.STATE) / PIPELINE_FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(raw)
    return path
