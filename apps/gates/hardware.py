"""What a run is computed on: the class of its most demanding gate, its lane, whether a person approves it.

A class is dear where a policy of the run says so, or the installation does for every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.conf import settings

from apps.audit.errors import Refused
from apps.audit.trail import contents
from apps.engine.catalogue import find
from apps.engine.policy import Gate, Policy
from apps.engine.policy.vocabulary import HARDWARE
from apps.gates.models import HardwareConsent, Run
from apps.gates.states import Lane

CONSENT = "https://countersign.dev/hardware-consent/v1"
HEAVY_ROWS = 200_000


def class_of(gates: Iterable[Gate]) -> str:
    """The most demanding class that a gate or its check names; of no gate the least."""
    named = [HARDWARE.index(one) for gate in gates for one in (gate.hardware, find(gate.check).hardware)]
    return HARDWARE[max(named, default=0)]


def lane_of(hardware: str, rows: int) -> Lane:
    """Where a run of this class waits; many rows need room as well."""
    if hardware == "gpu":
        return Lane.GPU
    return Lane.HEAVY if hardware == "memory" or rows >= HEAVY_ROWS else Lane.QUICK


def dear(hardware: str, policies: Sequence[Policy]) -> bool:
    """Whether a person approves this class before a run may use it."""
    return hardware in settings.HARDWARE_APPROVAL or any(hardware in policy.dear for policy in policies)


def consented(run: Run, policies: Sequence[Policy], gates: Sequence[Gate]) -> None:
    """Refused where the run's class is dear and no genuine statement says that a person approved it."""
    hardware = class_of(gates)
    if not dear(hardware, policies):
        return
    row = HardwareConsent.objects.filter(run=run).first()
    said = contents([row.statement_digest]).get(row.statement_digest, {}) if row else {}
    told = said.get("predicate", {})
    wanted = {"run": str(run.pk), "hardware": hardware, "granted": True}
    if said.get("predicateType") != CONSENT or any(told.get(k) != v for k, v in wanted.items()):
        raise Refused(f"This run needs {hardware}, which nobody approved for it.", code="hardware")
