"""What a registration brings: a manifest and bytes that fit it, checked before any row is written.

The files of strangers are opened in a child process only; nothing here reads a model or a table.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.access.text import refuse_hidden
from apps.audit.errors import Invalid, Refused
from apps.engine.child import Limits, in_child
from apps.engine.errors import BadInput
from apps.engine.manifest import DatasetSpec, Manifest, plain, read_manifest
from apps.inventory.layout import localised, put_down
from apps.inventory.services import outside, permitted
from apps.inventory.store import plain_digest
from apps.outside.children import done_in_child

LIMITS = Limits(wall_s=120, cpu_s=120, memory=8 << 30)
MOST_PARTS = 4096
# No point and no underscore first: the engine reads past such files, as the tools that write folders do.
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,118}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A manifest with the digests of its files, and the digest of all of it together."""

    manifest: Manifest
    raw: bytes
    artifact: str | None
    datasets: Mapping[str, str]
    digest: str
    # By the name of each data set that is a folder, the digest of each of its parts by name.
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def files(self) -> set[str]:
        whole = {digest for name, digest in self.datasets.items() if name not in self.parts}
        inside = {digest for part in self.parts.values() for digest in part.values()}
        return {*whole, *inside, *([self.artifact] if self.artifact else [])}

    def lists(self) -> dict[str, bytes]:
        """By data set, the list of its parts: the bytes of its digest."""
        return {name: parts_list(given) for name, given in self.parts.items()}


def read_intake(manifest: Mapping[str, Any] | bytes, blobs: Mapping[str, Any]) -> Intake:
    """Read a manifest and the digests handed in with it; Invalid names what does not fit."""
    raw = manifest if isinstance(manifest, bytes) else _as_bytes(manifest)
    try:
        read = read_manifest(raw)
    except BadInput as problem:
        raise Invalid(str(problem), field="manifest") from problem
    for where, text in _texts(read.document.value, "manifest"):
        refuse_hidden(text, field=where)
    parts = _parts(blobs)
    artifact, datasets = _artifact(read, blobs), _datasets(read, blobs, parts)
    digest = version_digest(read.metadata, read, artifact, datasets)
    return Intake(manifest=read, raw=raw, artifact=artifact, datasets=datasets, digest=digest, parts=parts)


def _as_bytes(manifest: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(manifest, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise Invalid(f"The manifest is no plain JSON: {error}.", field="manifest") from error


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield where, str(key)
            yield from _texts(item, f"{where}.{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _texts(item, f"{where}[{i}]")


def _artifact(manifest: Manifest, blobs: Mapping[str, Any]) -> str | None:
    _known_only(blobs, ("artifact", "datasets"), "blobs")
    given = blobs.get("artifact")
    if manifest.artifact_path is None:
        if given is not None:
            raise Invalid("The manifest names no artifact, but one was handed in.", field="blobs.artifact")
        return None
    return _named(given, manifest.artifact_sha256, "artifact", manifest.artifact_path)


def _datasets(
    manifest: Manifest, blobs: Mapping[str, Any], parts: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    given = _given(blobs)
    _known_only(given, tuple(manifest.datasets), "blobs.datasets")
    whole = {
        name: "sha256:" + hashlib.sha256(parts_list(inside)).hexdigest() for name, inside in parts.items()
    }
    return {
        name: _named({**given, **whole}.get(name), spec.sha256, f"datasets.{name}", spec.path)
        for name, spec in manifest.datasets.items()
    }


def _given(blobs: Mapping[str, Any]) -> Mapping[str, Any]:
    given = blobs.get("datasets") or {}
    if not isinstance(given, Mapping):
        raise Invalid('"blobs.datasets" must give a digest for each data set.', field="blobs.datasets")
    return given


def _parts(blobs: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The data sets that come in parts: ``{"parts": {name: digest}}`` in place of a digest."""
    if not isinstance(blobs, Mapping):
        raise Invalid('"blobs" must be a mapping.', field="blobs")
    inside = {name: value for name, value in _given(blobs).items() if isinstance(value, Mapping)}
    return {name: _parts_of(value, f"blobs.datasets.{name}") for name, value in inside.items()}


def _parts_of(given: Mapping[str, Any], where: str) -> dict[str, str]:
    parts = given.get("parts")
    if list(given) != ["parts"] or not isinstance(parts, Mapping) or not parts:
        raise Invalid(f'"{where}" must be a digest, or {{"parts": {{name: digest}}}}.', field=where)
    if len(parts) > MOST_PARTS:
        told = f'"{where}" has {len(parts):,} parts; a data set has at most {MOST_PARTS:,}.'
        raise Invalid(told, field=where)
    for name in parts:
        if not isinstance(name, str) or not _PART.match(name):
            raise Invalid(
                f"{str(name)[:80]!r} of {where} is no name of a part: letters, digits and . _ = - are, "
                "a letter or digit first.",
                field=where,
            )
    return {name: plain_digest(parts[name]) for name in sorted(parts)}


def parts_list(parts: Mapping[str, str]) -> bytes:
    """A line ``digest  name`` for each part; its digest is that of the folder, as the engine takes it.

    >>> parts_list({"b.parquet": "sha256:02", "a.parquet": "sha256:01"})
    b'01  a.parquet\\n02  b.parquet\\n'
    """
    lines = (f"{digest.removeprefix('sha256:')}  {name}\n" for name, digest in sorted(parts.items()))
    return "".join(lines).encode()


def _known_only(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    if not isinstance(given, Mapping):
        raise Invalid(f'"{where}" must be a mapping.', field=where)
    for name in given:
        if name not in known:
            raise Invalid(f'"{where}" has "{name}", which the manifest lacks.', field=where)


def _named(given: Any, declared: str | None, what: str, path: str) -> str:
    if given is None:
        raise Invalid(
            f"The bytes of {path} were not handed in: blobs.{what} is missing.", field=f"blobs.{what}"
        )
    digest = plain_digest(given)
    if declared is not None and digest != f"sha256:{declared}":
        raise Invalid(
            f"{path} is not the file that the manifest names: its digest is {digest}, "
            f"the manifest says sha256:{declared}.",
            field=f"blobs.{what}",
        )
    return digest


def version_digest(
    metadata: Mapping[str, Any], manifest: Manifest, artifact: str | None, datasets: Mapping[str, str]
) -> str:
    """The digest of a version as the engine takes it: names, roles and the digest of every file."""
    declared = manifest.spec["datasets"]
    spec = {
        **manifest.spec,
        "artifact": {"format": manifest.format, "digest": artifact},
        "datasets": {
            name: {
                **{k: v for k, v in declared[name].items() if k not in ("path", "sha256")},
                "digest": digest,
            }
            for name, digest in datasets.items()
        },
    }
    text = json.dumps(
        {"metadata": metadata, "spec": spec},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


# What the files hold ----------------------------------------------------------------------------------

_ANYBODY = {"model": "inspected", "version": "0"}


def inspect(intake: Intake) -> dict[str, int]:
    """Open every file in a child process: the rows of each data set, and that columns and inputs fit."""
    permitted(intake.manifest.endpoint)
    found = asked_of_child("inspect", intake)
    expected = version_digest(_ANYBODY, intake.manifest, intake.artifact, intake.datasets)
    if found["digest"] != expected:
        raise Refused(f"The files gave the digest {found['digest']}, not {expected}.", code="damaged")
    for name, spec in intake.manifest.datasets.items():
        _columns_fit(spec, found["columns"][name], found["features"])
    return {name: int(data["rows"]) for name, data in found["datasets"].items()}


def asked_of_child(do: str, intake: Intake) -> dict[str, Any]:
    """What a child process says of the files of a manifest, whoever's version it is."""
    document = {**plain(intake.manifest.document.value), "metadata": _ANYBODY}
    local, files = localised(document, intake.artifact, intake.datasets, intake.parts)
    return _answered(do, json.dumps(local, sort_keys=True), tuple(sorted(files.items())))


@lru_cache(maxsize=256)
def _answered(do: str, manifest: str, files: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """What the child found. The same bytes always give the same answer, so it is asked once."""
    scratch = Path(settings.STATE) / "inspecting"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        target = put_down(Path(folder), json.loads(manifest), dict(files))
        task = {"do": do, "manifest": str(target)}
        limits = replace(LIMITS, required=settings.WALLS == "required")
        answer = done_in_child(task, child=in_child, outside=outside(), limits=limits).answer
    if answer["status"] == "done":
        return dict(answer["result"])
    if answer["kind"] == "bad_input":
        raise Invalid(answer["reason"], field="manifest")
    raise Refused(f"The files could not be looked into. {answer['reason']}", code=answer["kind"])


def _columns_fit(spec: DatasetSpec, columns: Sequence[str], features: Sequence[str]) -> None:
    decision = spec.decision.column if spec.decision else None
    single = {
        "label": spec.label,
        "score": spec.score,
        "decision": decision,
        "weight": spec.weight,
        "period": spec.period,
    }
    wanted = [(role, name) for role, name in single.items() if name is not None]
    wanted += [("protected attribute", name) for name in spec.protected]
    wanted += [("feature", name) for name in features]
    known = set(columns)
    for role, name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, columns, n=1, cutoff=0.6)
            hint = f' Did you mean "{near[0]}"?' if near else f" It has {', '.join(columns[:12])}."
            raise Invalid(
                f'The data set "{spec.name}" ({spec.path}) has no column "{name}", its {role}.{hint}',
                field=f"datasets.{spec.name}",
            )
