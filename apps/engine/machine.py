"""What measuring ran on: interpreter, libraries, processor, driver, device, image.

None of it is part of a number; it is kept beside each, so that one that comes out otherwise elsewhere can be
traced to what differs.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

# The libraries whose release can move a number; the digest is over every one that is installed.
COUNTED = (
    "numpy", "scipy", "pyarrow", "numba", "scikit-learn", "onnxruntime", "skops", "xgboost", "lightgbm",
    "torch", "cupy",
)  # fmt: skip
_CPU = Path("/proc/cpuinfo")
_DRIVER = Path("/proc/driver/nvidia/version")


def machine(device: str = "cpu", *, image: str = "") -> dict[str, Any]:
    """What this process runs on.

    Parameters
    ----------
    device : str
        Where array work ran: ``"cpu"``, or the name of a GPU.
    image : str
        The digest of the container image, as far as somebody told it.

    Examples
    --------
    >>> machine()["device"], machine(image="sha256:02")["image"]
    ('cpu', 'sha256:02')
    """
    return {**_here(), "device": device, "image": image}


@cache
def _here() -> dict[str, Any]:
    """What stays the same while a process lives; finding it takes a tenth of a second."""
    installed = _installed()
    lines = "".join(f"{name}=={version}\n" for name, version in sorted(installed.items()))
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _after_colon(_CPU, "model name") or platform.processor() or "unknown",
        "driver": _first_line(_DRIVER) or "none",
        "libraries": {name: installed[name] for name in COUNTED if name in installed},
        "lock": f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}",
    }


def _installed() -> dict[str, str]:
    found: dict[str, str] = {}
    for one in metadata.distributions():
        name = one.metadata["Name"]
        if name:
            found.setdefault(name.lower().replace("_", "-"), one.version)
    return found


def _after_colon(path: Path, word: str) -> str:
    for line in _lines(path):
        if line.startswith(word):
            return line.partition(":")[2].strip()
    return ""


def _first_line(path: Path) -> str:
    return next(iter(_lines(path)), "").strip()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each part of a machine that is another one now; one that was not told is named too.

    Examples
    --------
    >>> list(differing({"python": "CPython 3.11.7", "lock": "a"}, {"python": "CPython 3.12.1", "lock": "a"}))
    ['python was CPython 3.11.7; here it is CPython 3.12.1.']
    """
    was, here = _flat(then), _flat(now)
    libraries = any(name.startswith("library ") and was.get(name) != here.get(name) for name in {*was, *here})
    for name in dict.fromkeys((*was, *here)):
        one, other = was.get(name) or "not told", here.get(name) or "not told"
        if one != other and not (name == "lock" and libraries):
            yield f"{name} was {one}; here it is {other}."


def _flat(told: Mapping[str, Any]) -> dict[str, str]:
    libraries = told.get("libraries")
    named = libraries if isinstance(libraries, Mapping) else {}
    rest = {name: str(value) for name, value in told.items() if name != "libraries"}
    return rest | {f"library {name}": str(version) for name, version in named.items()}
