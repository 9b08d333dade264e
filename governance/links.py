"""Links of the Markdown files: those inside the repository must lead to a file and a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_SKIPPED = {".git", ".venv", ".venv-bench", ".venv-mlflow", ".state", "node_modules", "build", "dist"}


def broken_links(root: Path) -> Iterator[str]:
    """One sentence for each link that leads nowhere."""
    for path in sorted(_documents(root)):
        for target in links(path.read_text(encoding="utf-8")):
            if problem := _problem(path, target, root):
                yield f"{path.relative_to(root)}: {problem}"


def links(text: str) -> list[str]:
    """Targets of links and pictures, those in code left out."""
    return _LINK.findall(_CODE.sub("", _FENCE.sub("", text)))


def anchors(text: str) -> set[str]:
    """The anchors that headings get: lower case, blanks as hyphens, a number for repeats."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        repeats = sum(
            1 for other in found if other == anchor or re.fullmatch(re.escape(anchor) + r"-\d+", other)
        )
        found.add(f"{anchor}-{repeats}" if repeats else anchor)
    return found


def _documents(root: Path) -> Iterator[Path]:
    for path in root.rglob("*.md"):
        if not _SKIPPED & set(path.relative_to(root).parts):
            yield path


def _problem(path: Path, target: str, root: Path) -> str:
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return ""
    name, _, anchor = unquote(target).partition("#")
    other = (root / name.lstrip("/") if name.startswith("/") else path.parent / name) if name else path
    if not other.exists():
        return f"the link to {target} leads to no file."
    if anchor and other.suffix == ".md" and anchor not in anchors(other.read_text(encoding="utf-8")):
        return f"the link to {target} leads to no heading."
    return ""
