"""Where array work runs: what is asked, what is there, and one code path over the array API."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from apps.engine import device
from apps.engine.device import Arrays, arrays, processor
from apps.engine.errors import BadInput
from apps.engine.resources import used_device, using
from tests.engine.strict import strict


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Callable[[Arrays | str], None]:
    """Say which GPU is there, or why there is none."""
    monkeypatch.setattr("apps.engine.resources._used", {})
    return lambda found: monkeypatch.setattr(device, "_gpu", lambda: found)


def test_the_processor_is_always_there(there: Callable[[Arrays | str], None]) -> None:
    there("this machine has no NVIDIA driver")
    for asked in ("cpu", "auto"):
        with using(device=asked):
            assert arrays() == processor()
    assert used_device() == "cpu"


def test_a_gpu_is_taken_where_it_is_there_and_named(there: Callable[[Arrays | str], None]) -> None:
    there(strict("NVIDIA T4"))
    with using(device="cpu"):
        assert arrays().name == "cpu"
    assert used_device() == "cpu"
    for asked in ("auto", "cuda"):
        with using(device=asked):
            assert arrays().name == "NVIDIA T4"
    assert used_device() == "NVIDIA T4"


def test_a_gpu_that_is_asked_for_and_not_there_is_bad_input(there: Callable[[Arrays | str], None]) -> None:
    there("torch is not installed; cupy is not installed")
    with using(device="cuda"), pytest.raises(BadInput) as caught:
        arrays()
    assert str(caught.value) == (
        "No GPU can be used: torch is not installed; cupy is not installed. Ask for the device cpu or auto."
    )


def test_a_library_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Arrays:
        raise RuntimeError("driver too old.\nmore")

    device._gpu.cache_clear()
    monkeypatch.setattr(device, "driver", lambda: True)
    monkeypatch.setattr(device, "find_spec", lambda name: name == "torch" or None)
    monkeypatch.setattr(device, "_LIBRARIES", {"torch": broken, "cupy": broken})
    assert device._gpu() == "torch says driver too old; cupy is not installed"
    device._gpu.cache_clear()


def test_values_go_in_and_out_unchanged() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3).T
    for place in (processor(), strict()):
        again = place.hand_out(place.hand_in(values))
        assert again.tolist() == values.tolist()
        assert again.dtype == values.dtype
