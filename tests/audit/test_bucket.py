"""Checkpoints in a bucket that keeps them, against a real object storage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from apps.audit.anchoring import store
from apps.audit.anchoring.bucket import Bucket
from apps.audit.anchoring.copies import NotCopied, file_name
from apps.audit.models import AnchorPlace
from governance.anchoring import bucket_named
from governance.env import Environment, EnvironmentRefused
from tests import s3
from tests.audit.test_anchoring import anchor

pytestmark = [pytest.mark.slow]
needs_storage = pytest.mark.skipif(s3.program() is None, reason="no object storage is installed")


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.ObjectStorage]:
    with s3.serving(tmp_path_factory.mktemp("storage")) as server:
        yield server


def bucket(storage: s3.ObjectStorage, folder: Path, name: str = "kept", **more: object) -> Bucket:
    (folder / "secret").write_text(f"{s3.WRITER['secret']}\n")
    place = Bucket(
        name=name,
        **{"prefix": "audit", **more},
        endpoint=storage.endpoint,
        key_id=s3.WRITER["key_id"],
        secret_file=folder / "secret",
    )
    made = {"x-amz-bucket-object-lock-enabled": "true"} if name == "kept" else {}
    place._ask("PUT", "", b"", made)
    return place


@needs_storage
def test_a_checkpoint_lies_there_and_is_held_back_from_removal(log, storage, tmp_path):
    place, head = bucket(storage, tmp_path), store.head()
    place.put(head)
    place.put(head)  # once more is nothing new
    found = place._ask("GET", f"audit/{file_name(head)}", b"", {})
    assert found.body == head.cosigned()
    assert found.headers["x-amz-object-lock-mode"] == "COMPLIANCE"
    until = datetime.fromisoformat(found.headers["x-amz-object-lock-retain-until-date"])
    assert until > timezone.now() + timedelta(days=3649)


@needs_storage
def test_the_anchorer_brings_it_there_once_a_day(log, storage, tmp_path, monkeypatch):
    place = bucket(storage, tmp_path, prefix="daily")
    told = {"name": place.name, "prefix": "daily", "endpoint": place.endpoint, "key_id": place.key_id}
    monkeypatch.setattr(settings, "ANCHOR_BUCKET", told | {"secret_file": place.secret_file})
    anchor()
    row = AnchorPlace.objects.get(name="bucket")
    assert (row.size, row.failure) == (12, "")
    assert place._ask("GET", f"daily/{file_name(store.head())}", b"", {}).status == 200


@needs_storage
def test_another_tree_of_the_same_size_is_refused(log, storage, tmp_path):
    place, head = bucket(storage, tmp_path), store.head()
    other = store.Head(head.origin, 99, head.note)
    place.put(other)
    text, gap, rest = head.note.partition(b"\n\n")
    with pytest.raises(NotCopied, match="states another tree of 99 events"):
        place.put(store.Head(head.origin, 99, text + b"x" + gap + rest))


@needs_storage
def test_a_bucket_that_keeps_nothing_is_found_at_once(log, storage, tmp_path):
    with pytest.raises(NotCopied, match=r"does not hold it back from removal|it answered 4"):
        bucket(storage, tmp_path, name="loose").put(store.head())


@needs_storage
def test_a_wrong_key_and_a_storage_that_is_away_are_told(log, storage, tmp_path):
    place = bucket(storage, tmp_path)
    (tmp_path / "secret").write_text("another")
    with pytest.raises(NotCopied, match="it answered 403"):
        place.put(store.head())
    with pytest.raises(NotCopied, match="is not reached"):
        Bucket(name="x", endpoint="http://127.0.0.1:9", key_id="k", secret_file=tmp_path / "secret").put(
            store.head()
        )


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"": "http://bucket"}, "expected s3://bucket/prefix"),
        ({"_KEY_ID": ""}, "needs COUNTERSIGN_ANCHOR_BUCKET_KEY_ID"),
        ({"_MODE": "for ever"}, "expected compliance or governance"),
        ({"_DAYS": "0"}, "COUNTERSIGN_ANCHOR_BUCKET_DAYS"),
    ],
)
def test_a_setting_that_says_nothing_is_refused_by_name(changed: dict[str, str], named: str):
    told = {"": "s3://kept/audit", "_KEY_ID": "k", "_SECRET_FILE": "/run/secret", **changed}
    with pytest.raises(EnvironmentRefused, match=named):
        bucket_named(Environment({f"COUNTERSIGN_ANCHOR_BUCKET{k}": v for k, v in told.items()}))


def test_the_setting_names_a_bucket():
    told = {"": "s3://kept/audit/x", "_KEY_ID": "k", "_SECRET_FILE": "/run/secret", "_DAYS": "30"}
    found = bucket_named(Environment({f"COUNTERSIGN_ANCHOR_BUCKET{k}": v for k, v in told.items()}))
    place = Bucket(**found)
    assert (place.name, place.prefix, place.days, place.mode) == ("kept", "audit/x", 30, "COMPLIANCE")
    assert bucket_named(Environment({})) is None
