"""Of which model an event tells: whoever may not see the model hears nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError

from apps.access.models import Person
from apps.access.queries import grants_of, visible_models
from apps.access.states import Permission, Scope

# Things by what events call them: their table, and the way from it to the model. Tables of apps that stand
# beside this one are looked up by name.
_WAYS = {
    "admission": ("deploys.Admission", "version__model"),
    "approval": ("approvals.Approval", "version__model"),
    "attestation": ("approvals.Attestation", "model"),
    "break_glass": ("deploys.GlassRequest", "version__model"),
    "challenge": ("approvals.Challenge", "model"),
    "dataset": ("inventory.DataSet", "version__model"),
    "decision": ("gates.Decision", "version__model"),
    "deployment": ("deploys.Deployment", "version__model"),
    "determination": ("inventory.Determination", "model"),
    "document": ("approvals.Document", "version__model"),
    "evidence": ("gates.Evidence", "run__version__model"),
    "finding": ("approvals.Finding", "model"),
    "model": ("inventory.RegisteredModel", ""),
    "regime_decision": ("inventory.RegimeDecision", "model"),
    "round_entry": ("approvals.RoundEntry", "model"),
    "report": ("reports.Report", "approval__version__model"),
    "rollback": ("deploys.Rollback", "version__model"),
    "run": ("gates.Run", "version__model"),
    "schedule": ("gates.Schedule", "version__model"),
    "tiering": ("inventory.Tiering", "model"),
    "use": ("inventory.Use", "model"),
    "version": ("inventory.ModelVersion", "model"),
    "waiver": ("approvals.Waiver", "version__model"),
    "waiver_request": ("approvals.WaiverRequest", "version__model"),
}
# A statement is about the fact that holds its digest.
_SEALED = ("decision", "evidence", "approval", "waiver", "attestation", "tiering", "admission")


@dataclass(frozen=True, slots=True)
class Place:
    """A model and its unit; both empty where an event is about the organisation."""

    model: str = ""
    unit: str = ""


def place_of(doc: Mapping[str, Any]) -> Place:
    """The model that the record of an event is about."""
    about = doc["object"]
    if about["type"] == "statement":
        found = (_place(kind, "statement_digest", about["id"]) for kind in _SEALED)
        return next((place for place in found if place is not None), Place())
    return _place(about["type"], "pk", about["id"]) or Place()


def _place(kind: str, column: str, value: str) -> Place | None:
    if kind not in _WAYS:
        return None
    label, way = _WAYS[kind]
    names = [f"{way}__key" if way else "key", f"{way}__unit__key" if way else "unit__key"]
    try:
        row = apps.get_model(label)._base_manager.filter(**{column: value}).values_list(*names).first()
    except (ValidationError, ValueError, LookupError):
        return None
    return Place(row[0], row[1]) if row and row[0] else None


def sees(person: Person, model_key: str) -> bool:
    """Whether a person may hear of this model now; without a model, of the organisation."""
    if not person.is_active:
        return False
    if model_key:
        return visible_models(person).filter(key=model_key).exists()
    return grants_of(person, Permission.EVENT_SEE).filter(scope=Scope.ORGANISATION).exists()
