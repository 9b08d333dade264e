"""A version as files in a folder: where each of them lies, and the manifest that names them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.engine.manifest import plain, read_manifest
from apps.inventory import store
from apps.inventory.models import ModelVersion

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


def lay_out(version: ModelVersion, folder: Path) -> Path:
    """Write ``model.yaml`` and the files that it names below a folder, every digest checked."""
    with store.open(version.manifest_digest) as file:
        manifest = plain(read_manifest(file.read()).document.value)
    datasets = dict(version.datasets.values_list("name", "blob_id"))
    return put_down(folder, *localised(manifest, version.artifact_id, datasets))


def put_down(folder: Path, manifest: Mapping[str, Any], files: Mapping[str, str]) -> Path:
    """Write a manifest, and the bytes of each digest at its place below the folder."""
    for place, digest in files.items():
        store.link(digest, folder / place)
    target = folder / "model.yaml"
    target.write_text(json.dumps(manifest, ensure_ascii=False, allow_nan=False, indent=1), encoding="utf-8")
    return target


def localised(
    manifest: Mapping[str, Any], artifact: str | None, datasets: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest with paths of our own, and the digest that belongs at each of them."""
    spec, files = dict(manifest["spec"]), {}
    if artifact is not None:
        place = f"artifact/{safe_name(spec['artifact']['path'], 'model')}"
        spec["artifact"], files[place] = {**spec["artifact"], "path": place}, artifact
    spec["datasets"] = {}
    for name, declared in manifest["spec"]["datasets"].items():
        place = f"data/{name}/{safe_name(declared['path'], name)}"
        spec["datasets"][name], files[place] = {**declared, "path": place}, datasets[name]
    return {**manifest, "spec": spec}, files


def safe_name(path: str, default: str) -> str:
    """The last part of a path, where it is a plain file name."""
    last = path.rpartition("/")[2]
    return last if _SAFE.match(last) else default
