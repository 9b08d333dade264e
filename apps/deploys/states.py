from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The deploy gate's answers; only the two `allow`s are allowed."""

    ALLOW = "allow"
    ALLOW_WITH_LIMITS = "allow_with_limits"
    PENDING = "pending"
    DENY = "deny"
    ERROR = "error"


class VersionFrom(StrEnum):
    """Where the version that a pipeline speaks of is read from."""

    MANIFEST = "manifest"  # governance/model.yaml at the commit, held against its registered bytes
    COMMIT = "commit"  # the version whose manifest names this commit as its source
    REF = "ref"  # the tag
    ASKED = "asked"  # the pipeline names it, with its digest
    FIXED = "fixed"  # one version


class Source(StrEnum):
    """Who tells what runs."""

    PIPELINE = "pipeline"
    CLUSTER = "cluster"
    REGISTRY = "registry"


class Answered(StrEnum):
    """What a person says to something that runs and that the inventory lacks."""

    BOUND = "bound"
    IGNORED = "ignored"
    FINDING = "finding"


class Arm(StrEnum):
    """One of the two versions of an experiment."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class Cause(StrEnum):
    """Why an experiment ended."""

    OVER = "over"  # its time had come
    ASKED = "asked"  # somebody ended it
    STOPPED = "stopped"  # its stop rule: monitoring no longer passes
    NOT_ALLOWED = "not_allowed"  # one of the two may not run there any more
    OVER_SHARE = "over_share"  # the challenger answered more calls than it may
