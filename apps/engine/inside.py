"""The child's side of `apps.engine.child`: read one task, raise the walls, answer.

The table of tasks stands there.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from apps.engine.endings import at_step, of_exception, of_signal, stopped
from apps.engine.errors import BadInput, Problem
from apps.engine.landlock import Reach
from apps.engine.process import Ended, claim
from apps.engine.resources import DEVICES, Device, driver, used_device, using
from apps.engine.walls import Limits, missing_walls, raise_walls

Progress = Callable[[Mapping[str, Any]], None]


def main() -> None:
    """Read the task, raise the walls, answer."""
    given = json.loads(sys.stdin.buffer.read())
    with os.fdopen(given["pipe"], "w", encoding="utf-8") as pipe:

        def say(key: str, value: Mapping[str, Any] | str) -> None:
            pipe.write(json.dumps({key: value}, allow_nan=False) + "\n")
            pipe.flush()

        claim(lambda what: say("step", what), apart=True)
        if "way_out" in given["task"]:
            _hold_way_out(*given["task"]["way_out"])
        limits = Limits(**given["limits"])
        walls = raise_walls(limits, _reach(given["task"]))
        say("walls", walls)
        if limits.required and (gaps := missing_walls(walls)):
            say("answer", stopped("walls", _unprotected(gaps)))
            return
        answer = _answer(given["task"], lambda step: say("progress", step))
        _close_models()
        say("answer", answer)


def _unprotected(gaps: Sequence[str]) -> str:
    return (
        f"This machine's kernel lacks walls that measuring needs ({'; '.join(gaps)}); "
        "COUNTERSIGN_WALLS=best measures without them"
    )


def _hold_way_out(reading: int, writing: int) -> None:
    """Keep what leads to the process that may ask a service, for the model that needs it."""
    from apps.engine.apart.relay import hold

    hold(reading, writing)


def _close_models() -> None:
    """End the processes that hold models, where there are any."""
    client = sys.modules.get("apps.engine.apart.client")
    if client is not None:
        client.close_models()


def _reach(task: Mapping[str, Any]) -> Reach:
    """The files that a task names: its manifest's folder and data, summaries, the file it writes."""
    manifest = Path(task.get("manifest", "model.yaml"))
    manifest = manifest / "model.yaml" if manifest.is_dir() else manifest
    reads = [manifest.parent, *map(Path, task.get("summaries", ()))]
    if task.get("files") is not None:
        reads += [Path(file) for file in task["files"].values()]
    else:
        reads += _named(manifest)
    writes = [Path.cwd()] + ([Path(task["out"]).parent] if "out" in task else [])
    return Reach(reads=tuple(reads), writes=tuple(writes), driver=task.get("device") != "cpu" and driver())


def _named(manifest: Path) -> list[Path]:
    """Where a manifest's files lie, for they may lie anywhere; none where it cannot be read."""
    from apps.engine.manifest import read_manifest
    from apps.engine.places import places

    try:
        return places(read_manifest(manifest.read_bytes(), name=manifest.name), manifest.parent)
    except (Problem, OSError):
        return []


def _answer(task: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    try:
        with using(device=_device(task)):
            _present(_device(task))
            result = _TASKS[task["do"]](task, progress)
            return {"status": "done", "result": result, "device": used_device()}
    except Problem as problem:
        return {"status": "error", "kind": "bad_input", "reason": str(problem)}
    except MemoryError:
        return stopped("resource", "It needed more memory than allowed")
    except Ended as ended:
        return at_step(ended.work, stopped(*of_signal(ended.signal)))
    except Exception as problem:
        return of_exception(problem)


def _device(task: Mapping[str, Any]) -> Device:
    asked = task.get("device") or "auto"
    if asked not in DEVICES:
        raise BadInput(f'The device is "{asked}"; {", ".join(DEVICES[:-1])} or {DEVICES[-1]} was expected.')
    return cast(Device, asked)


def _present(device: Device) -> None:
    """Refuse at once a GPU that is asked for and not there."""
    if device == "cuda":
        from apps.engine.device import arrays

        arrays()


def _loaded(task: Mapping[str, Any]) -> Any:
    from apps.engine.subject import load

    files = task.get("files")
    subject = load(task["manifest"], files=None if files is None else {k: Path(v) for k, v in files.items()})
    subject.prepare()
    return subject


def _inspect(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.evaluate import subject_json

    subject = _loaded(task)
    if subject.artifact is not None:
        subject.model.features  # noqa: B018 - loading it is the inspection
    return {
        **subject_json(subject),
        "columns": {name: list(data.columns) for name, data in subject.datasets.items()},
        "features": list(subject.model.features) if subject.model else list(subject.manifest.features or ()),
    }


def _look(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.profile import profile

    return profile(_loaded(task))


def _measure(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.measure import measure

    given = {name: task[name] for name in ("dataset", "reference", "arguments", "seed") if task.get(name)}
    return measure(task["check"], _loaded(task), **given).as_json()


def _gates(task: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    from apps.engine.evaluate import measure_gates, subject_json

    subject = _loaded(task)
    found = measure_gates(subject, task["gates"], seed=task.get("seed", 0), progress=progress)
    return {"subject": subject_json(subject), "measurements": found}


def _summarise(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.partitions import about_partition, measure_partition

    found = measure_partition(
        _loaded(task), task["dataset"], task["gates"], parts=task.get("parts"), every=task.get("every")
    )
    Path(task["out"]).write_bytes(found)
    digest = f"sha256:{hashlib.sha256(found).hexdigest()}"
    return {"digest": digest, "bytes": len(found), **about_partition(found)}


def _about(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.partitions import about_partition

    return about_partition(Path(task["summaries"][0]).read_bytes())


def _merged(task: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    from apps.engine.evaluate import subject_json
    from apps.engine.partitions import merged_gates

    subject = _loaded(task)
    parts = [Path(name).read_bytes() for name in task["summaries"]]
    found, rows = merged_gates(subject, parts, task["gates"], seed=task.get("seed", 0), progress=progress)
    return {"subject": subject_json(subject), "measurements": found, "rows": rows}


def _examine(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.conversion import examine

    return {"findings": examine(Path(task["files"]["given"]))}


def _convert(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.conversion import convert

    return convert(Path(task["files"]["given"]), Path(task["out"]))


def _compare(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.conversion import compare

    return compare(Path(task["files"]["made"]), task["claimed"])


_TASKS: dict[str, Callable[[Mapping[str, Any], Progress], dict[str, Any]]] = {
    "inspect": _inspect,
    "look": _look,
    "measure": _measure,
    "gates": _gates,
    "summarise": _summarise,
    "about": _about,
    "merged": _merged,
    "examine": _examine,
    "convert": _convert,
    "compare": _compare,
}

if __name__ == "__main__":
    main()
