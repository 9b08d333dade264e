"""A version as files in a folder: where each of them lies, and the manifest that names them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.engine.manifest import plain, read_manifest
from apps.inventory import store
from apps.inventory.models import DataPart, ModelVersion

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


Parts = Mapping[str, Mapping[str, str]]


def lay_out(version: ModelVersion, folder: Path) -> Path:
    """Write ``model.yaml`` and the files that it names below a folder, every digest checked."""
    return put_down(folder, *files_of(version))


def files_of(version: ModelVersion) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest of a version with paths of our own, and the digest that belongs at each of them."""
    with store.open(version.manifest_digest) as file:
        manifest = plain(read_manifest(file.read()).document.value)
    datasets = dict(version.datasets.values_list("name", "blob_id"))
    return localised(manifest, version.artifact_id, datasets, parts_of(version))


def parts_of(version: ModelVersion) -> dict[str, dict[str, str]]:
    """By the name of each data set that is a folder, the digest of each of its parts by name."""
    found: dict[str, dict[str, str]] = {}
    rows = DataPart.objects.filter(dataset__version=version).order_by("dataset__name", "name")
    for name, part, digest in rows.values_list("dataset__name", "name", "blob_id"):
        found.setdefault(name, {})[part] = digest
    return found


def put_down(folder: Path, manifest: Mapping[str, Any], files: Mapping[str, str]) -> Path:
    """Write a manifest, and the bytes of each digest at its place below the folder."""
    for place, digest in files.items():
        store.link(digest, folder / place)
    target = folder / "model.yaml"
    target.write_text(json.dumps(manifest, ensure_ascii=False, allow_nan=False, indent=1), encoding="utf-8")
    return target


def localised(
    manifest: Mapping[str, Any], artifact: str | None, datasets: Mapping[str, str], parts: Parts | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest with paths of our own, and the digest that belongs at each of them."""
    spec, files = dict(manifest["spec"]), {}
    if artifact is not None:
        place = f"artifact/{safe_name(spec['artifact']['path'], 'model')}"
        spec["artifact"], files[place] = {**spec["artifact"], "path": place}, artifact
    spec["datasets"] = {}
    for name, declared in manifest["spec"]["datasets"].items():
        place = f"data/{name}/{file_name(declared, name)}"
        spec["datasets"][name] = {**declared, "path": place}
        inside = (parts or {}).get(name)
        lying = {place: datasets[name]} if inside is None else {f"{place}/{p}": d for p, d in inside.items()}
        files |= lying
    return {**manifest, "spec": spec}, files


def file_name(declared: Mapping[str, Any], dataset: str) -> str:
    """What the file or the folder of a data set is called where a version is laid out."""
    return safe_name(declared["path"], dataset)


def safe_name(path: str, default: str) -> str:
    """The last part of a path, where it is a plain file name."""
    last = path.rstrip("/").rpartition("/")[2]
    return last if _SAFE.match(last) else default
