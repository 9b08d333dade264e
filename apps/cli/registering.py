"""Bringing a model version to the server: its files first, by their digests, then its manifest."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from apps.cli.client import Client, segment
from apps.cli.uploading import send_file
from apps.engine.errors import BadInput
from apps.engine.files import part_files


class Teller(Protocol):
    """Whoever wants to know how far it is."""

    def say(self, words: str) -> None: ...

    def progress(self, words: str, share: float) -> None: ...


class Nobody:
    """Tells nobody."""

    def say(self, words: str) -> None: ...

    def progress(self, words: str, share: float) -> None: ...


def register(client: Client, manifest: Path, teller: Teller) -> Mapping[str, Any]:
    """Upload what the manifest names and register the version; what the server answered."""
    from apps.engine.subject import load

    subject = load(manifest)
    blobs: dict[str, Any] = {}
    if subject.artifact is not None:
        _send(client, "artifact", subject.artifact.path, teller)
        blobs["artifact"] = f"sha256:{subject.artifact.sha256}"
    blobs["datasets"] = {
        name: _send_data(client, name, data.path, teller) for name, data in subject.datasets.items()
    }
    body = {"manifest": manifest.read_text(encoding="utf-8"), "blobs": blobs}
    place = f"/models/{segment(subject.manifest.model)}/versions"
    made: Mapping[str, Any] = client.post(place, body, key=str(uuid.uuid4())).body
    return made


def _send_data(client: Client, name: str, path: Path, teller: Teller) -> str | dict[str, dict[str, str]]:
    """A file by its digest, a folder by the digest of each of its parts."""
    if not path.is_dir():
        return _send(client, name, path, teller)
    parts = part_files(path, name=f"The folder {path.name} of {name}")
    return {"parts": {part.name: _send(client, name, part, teller) for part in parts}}


def _send(client: Client, name: str, path: Path, teller: Teller) -> str:
    digest = file_digest(path)
    if client.has(f"/blobs/{digest}"):
        teller.say(f"{name}: {path.name} is on the server already")
        return digest
    size = path.stat().st_size or 1
    send_file(client, path, digest, lambda sent: teller.progress(f"{name}: {path.name}", sent / size))
    teller.say(f"{name}: {path.name} uploaded, {digest}")
    return digest


def file_digest(path: Path) -> str:
    """``sha256:…`` of a file."""
    try:
        with path.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
