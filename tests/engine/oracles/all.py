"""All independent implementations, registered by being imported."""

from __future__ import annotations

from tests.engine.oracles import calibration, explainability, fairness, performance, rest, stability
from tests.engine.oracles.register import ORACLES, Case, Oracle, cases, difference

FAMILIES = (calibration, explainability, fairness, performance, rest, stability)

__all__ = ["FAMILIES", "ORACLES", "Case", "Oracle", "cases", "difference"]
