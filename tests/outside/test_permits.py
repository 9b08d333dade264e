"""What an installation allows: nothing, until it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.engine.errors import BadInput
from apps.engine.manifest_endpoint import Endpoint
from apps.outside.permits import Permits

SCORES = Endpoint(url="https://scores.example/v1", secret="pd-token")


def test_nothing_is_allowed_by_default() -> None:
    with pytest.raises(BadInput, match=r"scores\.example:443 may not be asked: COUNTERSIGN_ENDPOINTS names"):
        Permits().for_endpoint(SCORES)


@pytest.mark.parametrize(
    "entry", ["other.example", "scores.example:8443", "http://scores.example", "scores.example.evil.example"]
)
def test_another_host_port_or_scheme_is_not_allowed(entry: str) -> None:
    with pytest.raises(BadInput, match="may not be asked"):
        Permits.of([entry]).for_endpoint(SCORES)


def test_http_is_allowed_only_where_the_entry_says_http() -> None:
    plain = Endpoint(url="http://scores.example/v1")
    with pytest.raises(BadInput, match="over http, without encryption"):
        Permits.of(["scores.example"]).for_endpoint(plain)
    assert Permits.of(["http://scores.example"]).for_endpoint(plain).port == 80


@pytest.mark.parametrize(
    "entry",
    ["", "https://user:pw@host", "host/path", "ftp://host", "a b", "host=10.0.0.1/8", "host=x", "host:0"],
)
def test_an_entry_that_cannot_be_read_is_named(entry: str) -> None:
    with pytest.raises(BadInput, match="COUNTERSIGN_ENDPOINTS holds"):
        Permits.of([entry])


def test_a_secret_is_that_of_its_own_host(tmp_path: Path) -> None:
    (tmp_path / "scores.example").mkdir()
    (tmp_path / "scores.example" / "pd-token").write_text("s3cret\n")
    permits = Permits.of(["scores.example", "evil.example"], tmp_path)
    assert permits.secret(SCORES) == "s3cret"
    with pytest.raises(BadInput, match=r'"pd-token" for evil\.example cannot be read'):
        permits.secret(Endpoint(url="https://evil.example/", secret="pd-token"))


@pytest.mark.parametrize("content", ["", "two\nlines", "naïve", "x" * 9000])
def test_a_secret_that_no_header_can_carry_is_refused_unseen(tmp_path: Path, content: str) -> None:
    (tmp_path / "scores.example").mkdir()
    (tmp_path / "scores.example" / "pd-token").write_text(content)
    with pytest.raises(BadInput) as refused:
        Permits.of(["scores.example"], tmp_path).secret(SCORES)
    assert not content or content[:9] not in str(refused.value)
