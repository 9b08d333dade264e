"""A task in a measuring child, with a way out where the model of its manifest is a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.engine.child import Limits, Progress, in_child
from apps.engine.manifest import read_manifest
from apps.engine.manifest_endpoint import Endpoint
from apps.outside.permits import Permits
from apps.outside.service import Service
from apps.outside.transcript import Recorded, Transcript


@dataclass(frozen=True, slots=True)
class Outside:
    """What may be asked, and whether answers are kept; by default nothing may.

    Parameters
    ----------
    recorded : bytes, optional
        A transcript whose answers are given instead of asking.
    """

    permits: Permits = field(default_factory=Permits)
    keep: bool = True
    recorded: bytes | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What the child answered, and what was asked of a service meanwhile, if one was there."""

    answer: dict[str, Any]
    transcript: Transcript | None = None


def done_in_child(
    task: Mapping[str, Any],
    *,
    child: Callable[..., dict[str, Any]] = in_child,
    outside: Outside | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    tick: Callable[[], None] | None = None,
) -> Done:
    """As `apps.engine.child.in_child`, for a model that may be a service.

    Raises
    ------
    BadInput
        The service of the manifest may not be asked, or its secret is not there.
    """
    endpoint = endpoint_at(Path(task["manifest"]))
    if endpoint is None:
        return Done(child(task, limits=limits, progress=progress, tick=tick))
    allowed = outside or Outside()
    recorded = None if allowed.recorded is None else Recorded(allowed.recorded)
    with Service(endpoint, allowed.permits, keep=allowed.keep, recorded=recorded) as service:
        way = {"way_out": service.descriptors}
        answer = child({**task, **way}, limits=limits, progress=progress, tick=tick)
    if service.away and answer["status"] != "done":
        answer = {**answer, "kind": "unavailable"}
    return Done(answer, service.transcript)


def endpoint_at(place: Path) -> Endpoint | None:
    """The service that a manifest names; None where it names none, or cannot be read."""
    path = place / "model.yaml" if place.is_dir() else place
    try:
        data = path.read_bytes()
    except OSError:
        return None  # the child says so, as for every manifest
    return read_manifest(data, name=path.name).endpoint if b"endpoint" in data else None
