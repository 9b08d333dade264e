"""Where array work runs that may run on a GPU: one code path over the Python array API.

`arrays()` gives an array library and a device for what `resources.current().device` asks:

========  ======================================================================================
device    array library
========  ======================================================================================
``cpu``   NumPy
``cuda``  torch, else CuPy, on the first GPU; `BadInput` where there is none
``auto``  as ``cuda`` where a driver, a GPU and one of the libraries are there, else NumPy
========  ======================================================================================

Only work that repays the transfer asks for it: black boxes whose graph can be evaluated on the device, tables
of tree explanations, resampling of explained rows. Scores, counts and everything exact stay on the processor,
so that the gates of a run do not hang on the machine; a device may move an explanation by `TOLERANCE`.
Where neither torch nor CuPy is installed nothing here imports anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.errors import BadInput
from apps.engine.resources import current, driver, note_device

__all__ = ["TOLERANCE", "Arrays", "Moved", "arrays", "processor"]

# Relative to the largest contribution: float32 networks add in another order on another device.
TOLERANCE = 1e-4
_ABSENT = "No GPU can be used: {reason}. Ask for the device cpu or auto."


@dataclass(frozen=True, slots=True)
class Arrays:
    """An array library on one device.

    Parameters
    ----------
    name : str
        ``"cpu"``, or the GPU's own name.
    library : str
        ``"numpy"``, ``"torch"``, ``"cupy"``.
    xp : module
        The library through the array API.
    place : object
        What the library calls the device; None is its default.
    fetch : callable
        An array of the library to one of NumPy.
    """

    name: str
    library: str
    xp: Any
    place: Any = None
    fetch: Callable[[Any], Any] = np.asarray

    @property
    def is_cpu(self) -> bool:
        """Whether this is plain NumPy, to which handing in and out is free."""
        return self.library == "numpy"

    def hand_in(self, values: npt.NDArray[Any]) -> Any:
        """The values on the device, their type kept."""
        given = np.ascontiguousarray(values)
        return given if self.is_cpu else self.xp.asarray(given, device=self.place)

    def hand_out(self, values: Any) -> npt.NDArray[Any]:
        """Values of the device as a NumPy array."""
        return np.asarray(self.fetch(values))


@dataclass(frozen=True, slots=True)
class Moved:
    """A model's scoring function that works on a device.

    Parameters
    ----------
    score : callable
        A matrix (k, F) of `arrays` to k scores of it.
    arrays : Arrays
        Where its matrices lie: NumPy where a runtime carries them to the device by itself.
    """

    score: Callable[[Any], Any]
    arrays: Arrays


def processor() -> Arrays:
    """NumPy.

    Examples
    --------
    >>> processor().name, processor().hand_out(processor().hand_in(np.array([1.0]))).tolist()
    ('cpu', [1.0])
    """
    return Arrays("cpu", "numpy", np)


def arrays() -> Arrays:
    """The arrays that the current resources ask for.

    Raises
    ------
    BadInput
        The device ``cuda`` was asked for and is not there; the sentence says what is missing.
    """
    asked = current().device
    if asked == "cpu":
        return processor()
    found = _gpu()
    if isinstance(found, Arrays):
        note_device(found.name)
        return found
    if asked == "cuda":
        raise BadInput(_ABSENT.format(reason=found))
    return processor()


@cache
def _gpu() -> Arrays | str:
    """The first GPU, or why there is none to use."""
    if not driver():
        return "this machine has no NVIDIA driver"
    reasons = []
    for name, find in _LIBRARIES.items():
        if find_spec(name) is None:
            reasons.append(f"{name} is not installed")
            continue
        try:
            return find()
        except Exception as problem:  # a driver that is too old, a GPU that is taken: any kind of error
            first = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
            reasons.append(f"{name} says {first[:150].rstrip('.')}")
    return "; ".join(reasons)


def _torch() -> Arrays:
    import array_api_compat.torch as xp
    import torch

    place = torch.device("cuda", 0)
    name = str(torch.cuda.get_device_name(place))
    return Arrays(name, "torch", xp, place, lambda values: values.cpu().numpy())


def _cupy() -> Arrays:
    import array_api_compat.cupy as xp
    import cupy

    place = cupy.cuda.Device(0)
    found = cupy.cuda.runtime.getDeviceProperties(place.id)["name"]
    name = found.decode() if isinstance(found, bytes) else str(found)
    return Arrays(name, "cupy", xp, place, lambda values: values.get())


_LIBRARIES: dict[str, Callable[[], Arrays]] = {"torch": _torch, "cupy": _cupy}
