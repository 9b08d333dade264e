"""Where the files lie that a manifest names."""

from __future__ import annotations

import contextlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from apps.engine.errors import BadInput
from apps.engine.manifest import Manifest


def place_of(text: str, folder: Path) -> Path:
    """Where a path of a manifest lies, relative to the manifest's folder.

    Raises
    ------
    BadInput
        An address of something that is no file here.

    Examples
    --------
    >>> place_of("data/a.csv", Path("/models/m")), place_of("file:///b%20c.csv", Path("/models/m"))
    (PosixPath('/models/m/data/a.csv'), PosixPath('/b c.csv'))
    """
    parts = urlsplit(text)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if parts.scheme and "://" in text:
        raise BadInput(f'"{text}" cannot be read here: only files are opened; fetch it and name the file.')
    return folder / text


def places(manifest: Manifest, folder: Path) -> list[Path]:
    """Where its artifact and its data sets lie, as far as they are files, whether they exist or not."""
    named = [spec.path for spec in manifest.datasets.values()]
    named += [] if manifest.artifact_path is None else [manifest.artifact_path]
    found = []
    for text in named:
        with contextlib.suppress(BadInput):
            found.append(place_of(text, folder))
    return found
