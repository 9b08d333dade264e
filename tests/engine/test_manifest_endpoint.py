"""`spec.endpoint`: what a manifest may say of a service."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.engine.errors import BadInput
from apps.engine.manifest import Manifest, read_manifest


def read(endpoint: Any, **spec: Any) -> Manifest:
    document = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "m", "version": "1"},
        "spec": {
            "kind": "classifier",
            "features": ["a"],
            "datasets": {"holdout": {"path": "h.csv"}},
            "endpoint": endpoint,
            **spec,
        },
    }
    return read_manifest(json.dumps(document).encode())


def test_what_is_left_out_has_its_default() -> None:
    found = read({"url": "https://Scores.example/v1"})
    assert found.endpoint is not None
    assert (found.format, found.endpoint.form, found.endpoint.batch) == ("endpoint", "json", 4096)
    assert (found.endpoint.host, found.endpoint.port, found.endpoint.varies) == ("scores.example", 443, 0)


def test_beside_an_artifact_it_is_the_second_implementation() -> None:
    found = read({"url": "https://s.example"}, artifact={"path": "m.onnx", "format": "onnx"})
    assert found.format == "onnx"
    assert found.endpoint is not None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://s.example", "s.example", "https://", "https://user:pw@s.example", "https://s.example:99999",
        "https://s.example/a b", "https://s.example/#part", "https://s.exämple", "file:///etc/passwd",
        "https://s.example\r\nX: y", "https://s.example:0/", "https://[::1", "",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_asked_is_refused_by_line(url: str) -> None:
    with pytest.raises(BadInput, match=r"model\.yaml.*line \d+.*endpoint"):
        read({"url": url})


@pytest.mark.parametrize(
    "more",
    [
        {"batch": 0}, {"batch": 65_537}, {"batch": True}, {"batch": 1.5}, {"timeout_s": 0},
        {"varies": -1}, {"varies": 2}, {"format": "xml"}, {"secret": "../../etc/passwd"}, {"secret": "a/b"},
        {"token": "s3cret"}, {"timeout_s": 121},
    ],
)  # fmt: skip
def test_other_values_are_refused_by_line(more: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"line \d+"):
        read({"url": "https://s.example", **more})


def test_it_needs_the_features_that_it_is_sent() -> None:
    with pytest.raises(BadInput, match=r"needs spec\.features"):
        read({"url": "https://s.example"}, features=None)


def test_the_word_alone_names_no_service() -> None:
    with pytest.raises(BadInput, match=r"needs spec\.endpoint"):
        read(None, artifact={"format": "endpoint"})
