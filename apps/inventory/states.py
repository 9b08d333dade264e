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


class DocumentKind(StrEnum):
    """What a document of a model tells."""

    DEVELOPMENT = "development-document"
    USER_GUIDE = "user-guide"
    MONITORING_PLAN = "monitoring-plan"
    DATA_SHEET = "data-sheet"
    VALIDATION_REPORT = "validation-report"
    VENDOR_FILE = "vendor-file"
    OTHER = "other"


# What a model owes by its tier; one without a tier owes what tier 1 owes, as nobody knows better.
OWED: Mapping[int, tuple[DocumentKind, ...]] = {
    1: (
        DocumentKind.DEVELOPMENT,
        DocumentKind.USER_GUIDE,
        DocumentKind.MONITORING_PLAN,
        DocumentKind.DATA_SHEET,
    ),
    2: (DocumentKind.DEVELOPMENT, DocumentKind.USER_GUIDE, DocumentKind.MONITORING_PLAN),
    3: (DocumentKind.DEVELOPMENT, DocumentKind.USER_GUIDE),
    4: (DocumentKind.DEVELOPMENT,),
}


def owed_documents(tier: int | None, *, vendor: bool) -> tuple[DocumentKind, ...]:
    """The kinds that a model of a tier owes; a vendor's model owes the vendor's file besides.

    >>> [str(kind) for kind in owed_documents(4, vendor=True)]
    ['development-document', 'vendor-file']
    """
    return (*OWED.get(tier or 1, OWED[1]), *((DocumentKind.VENDOR_FILE,) if vendor else ()))


class NodeKind(StrEnum):
    """What a thing is that feeds others or is fed."""

    MODEL_VERSION = "model_version"
    DATASET = "dataset"
    FEATURE = "feature"
    JOB = "job"
    RUN = "run"
    ENDPOINT = "endpoint"


class EdgeKind(StrEnum):
    """How one thing feeds another; read from the upstream thing to the downstream one."""

    TRAINS = "trains"
    TESTS = "tests"
    DERIVES = "derives"
    FEEDS = "feeds"
    READS = "read_by"
    WRITES = "writes"
    STARTS = "starts"
    SERVES = "served_at"


_DATA = frozenset({NodeKind.DATASET, NodeKind.FEATURE})
_VERSION = frozenset({NodeKind.MODEL_VERSION})
_WORK = frozenset({NodeKind.JOB, NodeKind.RUN})

# What may stand upstream and downstream of each kind of edge.
EDGES: Mapping[str, tuple[frozenset[NodeKind], frozenset[NodeKind]]] = {
    EdgeKind.TRAINS: (_DATA | _WORK, _VERSION),
    EdgeKind.TESTS: (_DATA, _VERSION),
    EdgeKind.DERIVES: (_DATA, _DATA),
    EdgeKind.FEEDS: (_DATA | _VERSION, _VERSION | _DATA),
    EdgeKind.READS: (_DATA | _VERSION, _WORK),
    EdgeKind.WRITES: (_WORK, _DATA | _VERSION),
    EdgeKind.STARTS: (frozenset({NodeKind.JOB}), frozenset({NodeKind.RUN})),
    EdgeKind.SERVES: (_VERSION, frozenset({NodeKind.ENDPOINT})),
}
