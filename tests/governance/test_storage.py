"""Where bytes are kept, as the environment says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.env import Environment, EnvironmentRefused
from governance.storage import store_named

S3 = {"COUNTERSIGN_STORE": "s3://models/bank/a", "COUNTERSIGN_STORE_ENDPOINT": "https://s3.bank.example"}
WRITER = {"COUNTERSIGN_STORE_KEY_ID": "W", "COUNTERSIGN_STORE_SECRET": "w-secret"}
READER = {"COUNTERSIGN_STORE_READER_KEY_ID": "R", "COUNTERSIGN_STORE_READER_SECRET": "r-secret"}


def named(**values: str) -> dict[str, object]:
    return store_named(Environment(values))


def test_without_a_word_it_is_the_folder_below_the_state() -> None:
    assert named() == {}


def test_a_folder() -> None:
    assert named(COUNTERSIGN_STORE="file:///srv/models%20here") == {"root": Path("/srv/models here")}


@pytest.mark.parametrize(
    "wrong", ["/srv", "file://host/x", "http://x/y", "s3://", "s3://b?x=1", "s3:///prefix", "file:relative"]
)
def test_what_is_no_store_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(
        EnvironmentRefused, match=r"COUNTERSIGN_STORE is .*; expected file:///folder or s3://"
    ):
        named(COUNTERSIGN_STORE=wrong)


def test_a_bucket_with_its_two_identities() -> None:
    found = named(**S3, **WRITER, **READER)
    writer, reader = found["writer"], found["reader"]
    assert isinstance(writer, dict)
    assert isinstance(reader, dict)
    assert (writer["name"], writer["prefix"], writer["path_style"]) == ("models", "bank/a", True)
    assert (writer["key_id"], reader["key_id"], reader["secret"]) == ("W", "R", "r-secret")


def test_a_readers_key_alone_cannot_write() -> None:
    assert named(**S3, **READER)["writer"] is None


def test_without_keys_the_process_acts_as_its_host() -> None:
    writer = named(**S3)["writer"]
    assert isinstance(writer, dict)
    assert "key_id" not in writer


def test_the_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    told = {"COUNTERSIGN_STORE_KEY_ID": "W", "COUNTERSIGN_STORE_SECRET_FILE": str(tmp_path / "secret")}
    writer = named(**S3, **told)["writer"]
    assert isinstance(writer, dict)
    assert writer["secret"] == "from a file"


def test_half_an_identity_is_refused_without_telling_it(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentRefused, match="belong together") as refused:
        named(**S3, COUNTERSIGN_STORE_SECRET="w-secret")
    assert "w-secret" not in str(refused.value)
    with pytest.raises(EnvironmentRefused, match=r"SECRET_FILE .* cannot be read"):
        named(**S3, COUNTERSIGN_STORE_KEY_ID="W", COUNTERSIGN_STORE_SECRET_FILE=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("ENDPOINT", "ftp://x"), ("TIMEOUT_SECONDS", "0"), ("CACHE_BYTES", "much"), ("CACHE", "x")],
)
def test_what_cannot_be_used_is_named(name: str, wrong: str) -> None:
    with pytest.raises(EnvironmentRefused, match=f"COUNTERSIGN_STORE_{name} is"):
        named(**{**S3, f"COUNTERSIGN_STORE_{name}": wrong})
