from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ModelKind(StrEnum):
    """What sort of thing a model is; the same words as in `model.yaml`."""

    CLASSIFIER = "classifier"
    SCORECARD = "scorecard"
    REGRESSOR = "regressor"
    RANKER = "ranker"
    GENERATIVE = "generative"
    RULE_SET = "rule-set"


class Part(StrEnum):
    """What a person did for a model version; each of these bars from reviewing any version of the model."""

    DEVELOPER = "developer"
    TRAINER = "trainer"
    COMMITTER = "committer"
    SUBMITTER = "submitter"


class Standing(StrEnum):
    """Where a version stands at a time, as far as the inventory knows; approvals say the rest."""

    UNKNOWN = "unknown"
    DEVELOPMENT = "development"
    RETIRED = "retired"


class ConversionState(StrEnum):
    """Where a conversion that was asked for stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CONVERTED = "converted"
    REFUSED = "refused"


# running → queued: its worker was lost or is shut down, or the store was away.
CONVERSION_MOVES: Mapping[str, frozenset[str]] = {
    ConversionState.QUEUED: frozenset({ConversionState.RUNNING}),
    ConversionState.RUNNING: frozenset(
        {ConversionState.CONVERTED, ConversionState.REFUSED, ConversionState.QUEUED}
    ),
    ConversionState.CONVERTED: frozenset(),
    ConversionState.REFUSED: frozenset(),
}
