from __future__ import annotations

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
