"""What people do on pages they do over HTTP, too: sign, grant, break the glass, review a vendor, mend."""

from __future__ import annotations

from typing import Any

import pytest

from apps.approvals.models import Finding
from apps.inventory.models import Idea
from tests import factories
from tests.api.asking import Asker
from tests.flows import bank
from tests.standing import Standing
from tests.web.browsing import Browser


def session(world: Standing, role: str, *, fresh: bool = True) -> Asker:
    """Somebody signed in, who confirmed the password just now."""
    return Asker(client=Browser(world.people[role], fresh=fresh).client)


def sent(asker: Asker, path: str, body: Any = None) -> tuple[int, Any]:
    answer = asker.post(path, body)
    return answer.status_code, answer.json()  # type: ignore[attr-defined]


def test_a_review_is_signed_and_revoked_with_a_confirmed_password_only(world: Standing) -> None:
    path = f"/approvals/{world.waiting.pk}"
    shown = session(world, "validator").get(path).json()["shown_digest"]  # type: ignore[attr-defined]
    body = {"meaning": "approve", "reason": "Sound.", "shown_digest": shown}
    status, told = sent(session(world, "validator", fresh=False), f"{path}/sign", body)
    assert (status, told["type"].rpartition("/")[2]) == (403, "reauthenticate")
    assert sent(session(world, "validator"), f"{path}/sign", {**body, "shown_digest": "x"})[0] == 409
    assert sent(session(world, "validator"), f"{path}/sign", body)[0] == 201
    limited = {**body, "limits": {"max_exposure_eur": "5"}}
    status, told = sent(session(world, "risk-officer"), f"{path}/sign", limited)
    assert (status, told["state"], told["limits"]["max_exposure_eur"]) == (201, "granted", "5")
    assert sent(session(world, "risk-officer", fresh=False), f"{path}/revoke", {"reason": "x"})[0] == 403
    assert (
        sent(session(world, "risk-officer"), f"{path}/revoke", {"reason": "It drifted."})[1]["state"]
        == "revoked"
    )


def test_a_waiver_is_granted_once(world: Standing) -> None:
    path = f"/waivers/requests/{world.waiver.pk}"
    assert sent(session(world, "head-of-model-risk", fresh=False), f"{path}/grant")[0] == 403
    status, told = sent(session(world, "head-of-model-risk"), f"{path}/grant")
    assert (status, told["gate"]) == (201, world.waiver.gate)
    assert sent(session(world, "head-of-model-risk"), f"{path}/refuse", {"reason": "late"})[0] == 409


def test_two_people_break_the_glass(world: Standing) -> None:
    asked = {
        "model": "card-limit",
        "version": "1",
        "environment": "production",
        "minutes": 30,
        "reason": "Payments stand still.",
        "ticket": "INC-1",
    }
    assert sent(session(world, "risk-officer", fresh=False), "/break-glass", asked)[0] == 403
    status, told = sent(session(world, "risk-officer"), "/break-glass", asked)
    assert (status, told["valid_to"]) == (201, None)
    path = f"/break-glass/{told['id']}"
    assert sent(session(world, "risk-officer"), f"{path}/agree")[0] in (403, 409)
    status, told = sent(session(world, "head-of-model-risk"), f"{path}/agree")
    assert (status, told["agreed_by"]["username"]) == (201, "head")
    assert Finding.objects.filter(pk=told["finding"]).exists()


def test_a_vendors_file_is_reviewed_and_a_change_is_noted(world: Standing) -> None:
    factories.model("bought", vendor=True)
    answers = {"limits": {"met": "yes"}, "exit": {"met": "partly", "note": "Half a page."}}
    validator = session(world, "validator")
    status, told = sent(validator, "/models/bought/vendor/reviews", {"vendor": "Acme", "answers": answers})
    assert (status, told["vendor"], told["points"]) == (201, "Acme", 5)
    notice = {"announces": "2", "told_on": "2026-11-01", "summary": "New data."}
    developer = Asker(world.tokens["developer"])
    assert sent(developer, "/models/bought/vendor/notices", notice)[0] == 201
    shown = validator.get("/models/bought/vendor").json()  # type: ignore[attr-defined]
    assert shown["review"]["points"] == 5
    assert [row["announces"] for row in shown["notices"]] == ["2"]
    assert Finding.objects.filter(model__key="bought", gate__startswith="vendor.").count() == 10


def test_an_idea_an_entry_and_a_use(world: Standing) -> None:
    developer = Asker(world.tokens["developer"])
    idea = {"key": "cards-pd", "title": "Cards", "kind": "classifier", "unit": "retail", "owner": "owner"}
    answers = {"purpose": "marketing"}
    assert sent(developer, "/models", {**idea, "use": "limits", "answers": answers})[0] == 201
    assert Idea.objects.get(model__key="cards-pd").answers == answers
    mended = {"limitations": "No firms.", "reason": "Asked in review."}
    assert sent(developer, "/models/cards-pd/entry", mended)[1]["limitations"] == "No firms."
    assert sent(developer, "/models/cards-pd/uses", {"use": "pricing"})[0] == 201
    owner = session(world, "owner")
    assert sent(owner, "/models/cards-pd/uses/pricing/retire", {"reason": "Never begun."})[0] == 200
    assert sent(owner, "/models/cards-pd/uses/pricing/retire", {"reason": "Again."})[0] == 409


def test_a_tier_is_confirmed_where_a_version_is_submitted(world: Standing) -> None:
    developer = Asker(world.tokens["developer"])
    sent(developer, f"/approvals/{world.waiting.pk}/withdraw", {"reason": "again"})
    version = {"model": "credit-pd", "version": "2"}
    status, told = sent(developer, "/approvals", version)
    assert (status, told["type"].rpartition("/")[2]) == (409, "tier")
    status, told = sent(developer, "/approvals", {**version, "tier": bank.tier_shown(world.waiting.version)})
    assert (status, told["subject"]["tier"]) == (201, 2)


@pytest.mark.parametrize("role", ["administrator", "auditor"])
def test_what_groups_are_worth_is_for_those_who_give_roles(world: Standing, role: str) -> None:
    mapping = {"source": "entra", "group": "auditors", "role": "auditor", "reason": "asked"}
    asker = session(world, role)
    if role == "auditor":
        assert sent(asker, "/sign-in/mappings", mapping)[0] == 403
        return
    assert sent(session(world, role, fresh=False), "/sign-in/mappings", mapping)[0] == 403
    answer = asker.get("/sign-in/mappings")
    assert answer.status_code == 200
    assert asker.get("/sign-in/identities").status_code == 200
