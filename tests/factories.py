"""State for tests, built through the commands: what stands here could have come about in the service."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from apps.access import commands as access
from apps.access.models import Person, RoleGrant
from apps.access.states import Scope
from apps.audit.states import system
from apps.inventory import commands as inventory
from apps.inventory.models import Blob, BusinessUnit, ModelVersion, RegisteredModel

PASSWORD = "correct horse battery staple"
INSTALLER = system("installer")


def administrator() -> Person:
    """The person who makes all the others."""
    found = Person.objects.filter(username="admin").first()
    return found or access.first_administrator(
        by=INSTALLER, username="admin", name="Ada Min", password=PASSWORD
    )


def person(
    username: str, *roles: str, scope: str = Scope.ORGANISATION, key: str = "", **fields: Any
) -> Person:
    """The person of that name with these roles; made when they are not there."""
    found = Person.objects.filter(username=username).first()
    if found is None:
        given = {"name": username.replace("-", " ").title(), **fields}
        if not given.get("is_service"):
            given.setdefault("password", PASSWORD)
        found = access.create_person(by=administrator(), username=username, **given)
    for role in roles:
        grant(found, role, scope=scope, key=key)
    return found


def grant(to: Person, role: str, *, scope: str = Scope.ORGANISATION, key: str = "") -> RoleGrant:
    """A role, given by the administrator."""
    return access.grant_role(
        by=administrator(), person=to, role=role, scope=scope, scope_key=key, reason="for a test"
    )


def developer() -> Person:
    return person("dev", "developer")


def owner() -> Person:
    return person("owner", "owner")


def validator() -> Person:
    return person("val", "validator")


def risk_officer() -> Person:
    return person("risk", "risk-officer")


def head() -> Person:
    return person("head", "head-of-model-risk")


def service(username: str = "pipeline", role: str = "pipeline") -> Person:
    """A service account."""
    return person(username, role, is_service=True)


def acting_through_token(bearer: Person, *scopes: str, by: Person | None = None) -> Person:
    """The person as a request sees them that came with a token of theirs."""
    from apps.access.queries import authenticate_token

    issuer = by or (person("token-admin", "administrator") if bearer.is_service else bearer)
    _, raw = access.issue_token(by=issuer, person=bearer, name="for a test", scopes=scopes)
    found = authenticate_token(raw)
    assert found is not None
    return found


def unit(key: str = "retail", title: str = "") -> BusinessUnit:
    """A business unit."""
    found = BusinessUnit.objects.filter(key=key).first()
    return found or inventory.declare_unit(by=administrator(), key=key, title=title or key.title())


def model(key: str = "credit-pd", *, of: BusinessUnit | None = None, **fields: Any) -> RegisteredModel:
    """A registered model, owned by `owner()`."""
    found = RegisteredModel.objects.filter(key=key).first()
    if found is not None:
        return found
    given = {
        "title": "Probability of default",
        "kind": "classifier",
        "domain": "credit",
        "jurisdictions": ["US"],
        "purpose": "Decides on consumer loans.",
        "owner": owner(),
        **fields,
    }
    return inventory.register_model(by=developer(), key=key, unit=of or unit(), **given)


def table(rows: int = 200) -> bytes:
    """A CSV whose scores mean something; the same bytes for the same number of rows."""
    lines = ["sex,income,pd,defaulted,approved"]
    for i in range(rows):
        score, sex = i * 37 % 100, "F" if i % 2 else "M"
        lines.append(f"{sex},{1000 + i},{score / 100:.2f},{int(i * 53 % 100 < score)},{int(score < 50)}")
    return ("\n".join(lines) + "\n").encode()


def holdout(**changes: Any) -> dict[str, Any]:
    """What a manifest says of `table()`."""
    return {
        "path": "data/holdout.csv",
        "label": {"column": "defaulted", "positive": 1},
        "favourable": 0,
        "score": {"column": "pd"},
        "decision": {"column": "approved", "favourable": 1},
        "protected": ["sex"],
        **changes,
    }


def manifest(key: str = "credit-pd", label: str = "1", **spec: Any) -> dict[str, Any]:
    """A manifest without an artifact: its scores come in a column of the holdout."""
    return {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": key, "version": label, "title": "Probability of default"},
        "spec": {
            "use": "credit_decision",
            "kind": "classifier",
            "domain": "credit",
            "jurisdictions": ["US"],
            "unit": "retail",
            "datasets": {"holdout": holdout()},
            **spec,
        },
    }


def blob(data: bytes, *, by: Person | None = None) -> Blob:
    """Bytes in the store."""
    return inventory.store_blob(by=by or developer(), stream=io.BytesIO(data))


def version(
    key: str = "credit-pd",
    label: str = "1",
    *,
    by: Person | None = None,
    data: Mapping[str, bytes] | None = None,
    **spec: Any,
) -> ModelVersion:
    """A registered version of a registered model, with `table()` as its holdout."""
    who = by or developer()
    model(key)
    declared = manifest(key, label, **spec)
    given = {"holdout": table(), **(data or {})}
    digests = {name: blob(given[name], by=who).digest for name in declared["spec"]["datasets"]}
    raw = json.dumps(declared).encode()
    return inventory.register_version(by=who, manifest=raw, blobs={"datasets": digests})
