"""What a run is computed on: the class of its most demanding gate, its lane, whether a person approves it.

Gates and checks name a class; where a check would hold more than a small machine has, by the rows and the
features of the version, the class is `memory`. A class is dear where a policy of the run says so, or the
installation does for every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings

from apps.audit.errors import Refused
from apps.audit.trail import contents
from apps.engine import table_limits
from apps.engine.catalogue import Check, find
from apps.engine.catalogue.takes import PROCESS, SCORING
from apps.engine.policy import Gate, Policy
from apps.engine.policy.vocabulary import HARDWARE
from apps.gates.models import HardwareConsent, Run
from apps.gates.states import Lane
from apps.inventory.models import ModelVersion

CONSENT = "https://countersign.dev/hardware-consent/v1"
HEAVY_ROWS = 200_000


# A run that takes more than this goes where there is more.
ROOMY = 4 << 30
# Of a model that does not name its features: bytes of a value in a file, so that there are rather too many.
_VALUE = 4
_SCORED = {"score", "predicted", "selected"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run will probably take: its class, memory at its peak, and the check that takes most of it."""

    hardware: str
    memory: int = PROCESS
    check: str = ""

    @property
    def gib(self) -> float:
        return self.memory / (1 << 30)


def estimate(version: ModelVersion, gates: Iterable[Gate]) -> Estimate:
    """What the gates take of a machine, by what their checks declare and by the size of the data."""
    asked, data = list(gates), version.datasets.select_related("blob")
    sizes = sorted(((d.rows, _features(version, d.blob.size, d.rows)) for d in data), reverse=True)
    scored = version.artifact_id is not None
    memory, check = max(
        ((_memory(find(g.check), sizes, scored), g.check) for g in asked), default=(PROCESS, "")
    )
    named = class_of(asked)
    roomy = named == "cpu" and memory > ROOMY
    return Estimate(hardware="memory" if roomy else named, memory=memory, check=check)


def _memory(check: Check, sizes: Sequence[tuple[int, int]], scored: bool) -> int:
    """Bytes of a check at its peak on the largest data set, or the two largest where it takes a reference.

    Of a large table those that sum up hold no more than of a small one, others no more than has room.
    """
    needs = {need.removesuffix("?") for need in check.needs}
    sets = 2 if any(need.startswith("reference_") for need in needs) else 1
    total = PROCESS
    for rows, features in sizes[:sets]:
        most = table_limits.HELD_ROWS if "count" in needs else table_limits.HELD_VALUES // features
        held = min(rows, most) if table_limits.large(rows, 1) else rows
        total += check.takes.memory(held, features) - PROCESS
        total += SCORING * held * features if scored and needs & _SCORED else 0
    return total


def _features(version: ModelVersion, size: int, rows: int) -> int:
    """How many features the model has: those that the manifest names, else as many as the file may hold."""
    named = version.manifest.get("spec", {}).get("features") or ()
    return len(named) or max(1, size // max(rows * _VALUE, 1))


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
    hardware = estimate(run.version, gates).hardware
    if not dear(hardware, policies):
        return
    row = HardwareConsent.objects.filter(run=run).first()
    said = contents([row.statement_digest]).get(row.statement_digest, {}) if row else {}
    told = said.get("predicate", {})
    wanted = {"run": str(run.pk), "hardware": hardware, "granted": True}
    if said.get("predicateType") != CONSENT or any(told.get(k) != v for k, v in wanted.items()):
        raise Refused(f"This run needs {hardware}, which nobody approved for it.", code="hardware")
