"""What the demo furnishes beside its reviews: each kind of thing is there to be looked at."""

from __future__ import annotations

from apps.access.models import Campaign
from apps.approvals.models import AttestationRound, Finding
from apps.deploys.models import Glass
from apps.inventory.models import ChangeNotice, Idea, LineageEdge
from governance.demo.more import furnish
from governance.demo.people import Cast
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


def test_everything_is_furnished(world: Standing) -> None:
    factories.unit("payments")
    factories.model("bought", vendor=True)
    people = {name: world.people[role] for name, role in ROLES.items()}
    versions = {
        "vendor-fraud-1": factories.version("bought"),
        "credit-pd-1": world.granted.version,
        "collections-priority-1": world.waiting.version,
        "sme-default-1": world.failed.version,
    }
    furnish(Cast(factories.administrator(), world.people["pipeline"], people), versions)
    assert Idea.objects.get().model.key == "support-assistant"
    assert ChangeNotice.objects.get().announces == "2"
    assert LineageEdge.objects.count() == 3
    assert (AttestationRound.objects.count(), Campaign.objects.count(), Glass.objects.count()) == (1, 1, 1)
    assert Finding.objects.filter(gate__startswith="vendor.").exists()
