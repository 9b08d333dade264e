"""What the demo furnishes beside its reviews: each kind of thing is there to be looked at."""

from __future__ import annotations

from pytest_django import Settings

from apps.access.models import Campaign
from apps.approvals.models import AttestationRound, Challenge, Finding, RoundAnswer
from apps.deploys.models import Glass
from apps.inventory.models import ChangeNotice, Idea, LineageEdge, ModelDocument
from apps.notices.models import Delivery
from governance.demo.more import furnish, review_vendor
from governance.demo.people import Cast
from governance.local.commands import DEMO_HOOK
from tests import factories
from tests.standing import Standing, standing_bank, world

__all__ = ["standing_bank", "world"]
ROLES = {
    "dana": "developer",
    "omar": "owner",
    "vera": "validator",
    "rob": "risk-officer",
    "hana": "head-of-model-risk",
}


def test_everything_is_furnished(world: Standing, settings: Settings) -> None:
    settings.WEBHOOK_HOSTS = [DEMO_HOOK]
    factories.unit("payments")
    factories.model("bought", vendor=True)
    people = {name: world.people[role] for name, role in ROLES.items()}
    people["omar"] = world.granted.version.model.owner
    versions = {
        "vendor-fraud-1": factories.version("bought"),
        "credit-pd-1": world.granted.version,
        "credit-pd-2": world.waiting.version,
        "collections-priority-1": world.waiting.version,
        "sme-default-1": world.failed.version,
    }
    cast = Cast(factories.administrator(), world.people["pipeline"], people)
    review_vendor(cast, versions["vendor-fraud-1"])
    furnish(cast, versions)
    assert Idea.objects.get().model.key == "support-assistant"
    assert ChangeNotice.objects.get().announces == "2"
    assert LineageEdge.objects.count() == 3
    assert (AttestationRound.objects.count(), Campaign.objects.count(), Glass.objects.count()) == (1, 1, 1)
    assert RoundAnswer.objects.get().entry.model.key == "credit-pd"
    assert (Challenge.objects.count(), ModelDocument.objects.count()) == (3, 2)
    assert Delivery.objects.get().endpoint.stopped_why
    assert Finding.objects.filter(gate__startswith="vendor.").exists()
