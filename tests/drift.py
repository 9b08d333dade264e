"""Have the descriptions that our tests hold messages against changed since they were saved?

Run by hand at each release, where the registries are reachable: `python -m tests.drift`. It fetches the
newest release of each package with npm and pip, takes the saved part out of it and says what differs. 0 is no
difference, 1 a difference or a newer release of what is only named, 4 that something could not be fetched.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
GITHUB = HERE / "integrations" / "schemas"
SAVED_RULE = "/repos/{owner}/{repo}/actions/runs/{run_id}/deployment_protection_rule"
REQUESTED = "deployment_protection_rule$requested"
LONGEST_S = 300
NEWEST = re.compile(r"\(([0-9][0-9a-z.]*)\)")


@dataclass(frozen=True, slots=True)
class Saved:
    """A part of an npm package that lies here: where from, and how it is taken out."""

    file: Path
    package: str
    member: str
    taken: Callable[[Any], Any]
    kept: Callable[[Any], Any]


def _callback(whole: Any) -> Any:
    return whole["paths"][SAVED_RULE]["post"]["requestBody"]["content"]["application/json"]["schema"]


def _kept_callback(saved: Any) -> Any:
    return saved["requestBody"]["content"]["application/json"]["schema"]


SAVED = (
    Saved(
        GITHUB / "github-callback.json",
        "@octokit/openapi",
        "package/generated/api.github.com.deref.json",
        _callback,
        _kept_callback,
    ),
    Saved(
        GITHUB / "github-requested.schema.json",
        "@octokit/webhooks-schemas",
        "package/schema.json",
        lambda whole: _needed(whole["definitions"], REQUESTED),
        lambda saved: _needed(saved["definitions"], REQUESTED),
    ),
)
# Written from the models of these; whoever sees a newer one writes the saved file anew.
NAMED = {
    "compliance-trestle": "5.2.0",
    "in-toto-attestation": "0.9.3",
    "openlineage-python": "1.54.0",
    "spdx-python-model": "0.0.6",
}


def _needed(definitions: dict[str, Any], name: str) -> dict[str, Any]:
    """A definition and all that it leads to, by name."""
    found: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = definitions[one]
            waiting += [ref.rpartition("/")[2] for ref in _refs(definitions[one])]
    return found


def _refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _refs(value)


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """What differs, a line each; descriptions and examples decide nothing."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new} - {"description", "example", "examples", "title"}):
            if name not in old or name not in new:
                yield f"{place}/{name} {'is new' if name not in old else 'is gone'}"
            else:
                yield from differences(old[name], new[name], f"{place}/{name}")
    elif old != new:
        yield f"{place} was {json.dumps(old)[:80]}, is {json.dumps(new)[:80]}"


def fetched(package: str, member: str, folder: Path) -> tuple[str, Any]:
    """The version of a package's newest release, and one of its JSON files."""
    words = ["npm", "pack", package, "--silent", "--pack-destination", str(folder)]
    told = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_S, check=True, cwd=folder)
    name = told.stdout.split()[-1]
    with tarfile.open(folder / name) as archive:
        file, about = archive.extractfile(member), archive.extractfile("package/package.json")
        if file is None or about is None:
            raise OSError(f"{package} has no {member}")
        return str(json.load(about)["version"]), json.load(file)


def newest(package: str) -> str:
    """The newest release of a package for Python."""
    words = [sys.executable, "-m", "pip", "index", "versions", package, "--disable-pip-version-check"]
    told = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_S, check=True)
    return NEWEST.findall(told.stdout)[0]


def _told(saved: Saved, folder: Path) -> int:
    version, whole = fetched(saved.package, saved.member, folder)
    kept = saved.kept(json.loads(saved.file.read_text("utf-8")))
    found = list(differences(kept, saved.taken(whole)))
    print(f"{saved.file.name}: {saved.package} {version}: {len(found)} differences")
    for line in found[:20]:
        print(f"  {line}")
    return int(bool(found))


def _named(package: str, known: str) -> int:
    found = newest(package)
    print(f"{package}: {known} is known, {found} is the newest")
    return int(found != known)


def main() -> int:
    """Every saved part and every named package; the worst of what was found."""
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        asked = [lambda saved=saved: _told(saved, Path(folder)) for saved in SAVED]
        asked += [lambda one=one: _named(*one) for one in NAMED.items()]
        for ask in asked:
            try:
                worst = max(worst, ask())
            except (OSError, subprocess.SubprocessError, KeyError, IndexError, ValueError) as problem:
                print(f"could not be compared: {problem}")
                worst = 4
    return worst


if __name__ == "__main__":
    sys.exit(main())
