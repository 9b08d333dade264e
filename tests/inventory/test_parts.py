"""Data sets that are folders of parts: handed in part by part, pinned by one digest."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.api import rendering
from apps.audit.errors import Invalid, NotFound
from apps.engine.subject import load
from apps.inventory import queries, store
from apps.inventory.commands import register_version
from apps.inventory.intake import parts_list, read_intake
from apps.inventory.layout import lay_out
from apps.inventory.models import ModelVersion
from tests import factories
from tests.engine.subjects import PEOPLE

pytestmark = pytest.mark.django_db
NAMES = ("part-0.parquet", "part-1.parquet", "part-2.parquet")


def part(number: int) -> bytes:
    sink = pa.BufferOutputStream()
    table = {name: list(values) * (number + 1) for name, values in PEOPLE.items()}
    pq.write_table(pa.table(table), sink)
    return sink.getvalue().to_pybytes()


def uploaded() -> dict[str, str]:
    by = factories.developer()
    return {name: factories.blob(part(i), by=by).digest for i, name in enumerate(NAMES)}


def manifest(**entry):
    roles = {
        "path": "data/holdout",
        "label": {"column": "defaulted", "positive": 1},
        "favourable": 0,
        "score": {"column": "score"},
        "protected": ["sex"],
    }
    return factories.manifest(datasets={"holdout": roles | entry})


def registered(parts=None, **entry) -> ModelVersion:
    factories.unit()
    given = {"holdout": {"parts": uploaded() if parts is None else parts}}
    return register_version(by=factories.developer(), manifest=manifest(**entry), blobs={"datasets": given})


def test_a_folder_is_registered_part_by_part(tmp_path: Path) -> None:
    version = registered()
    data = version.datasets.get()
    assert (data.rows, data.filename) == (8 * 6, "holdout")
    assert [p.name for p in data.parts.all()] == list(NAMES)
    subject = load(lay_out(version, tmp_path / "laid"))
    assert subject.digest == version.digest
    assert subject.datasets["holdout"].digest == data.digest


def test_its_digest_is_that_of_the_list_of_its_parts() -> None:
    data = registered().datasets.get()
    with store.open(data.blob_id) as file:
        assert file.read() == parts_list({p.name: p.blob_id for p in data.parts.all()})


def test_the_address_of_a_version_names_its_parts() -> None:
    version = registered()
    shown = rendering.version(version)["datasets"]["holdout"]
    assert shown["parts"] == uploaded()


def test_the_same_parts_again_are_the_same_version() -> None:
    assert registered() == registered()


def test_whoever_sees_the_version_may_name_its_parts() -> None:
    version = registered()
    seen = queries.visible_blobs(factories.head())
    assert {p.blob_id for p in version.datasets.get().parts.all()} <= set(seen.values_list("pk", flat=True))


def test_a_part_that_was_never_handed_in_is_named() -> None:
    absent = "sha256:" + "0" * 64
    with pytest.raises(NotFound, match=absent):
        registered(uploaded() | {"part-3.parquet": absent})


def test_a_folder_that_is_not_the_one_declared_is_refused() -> None:
    with pytest.raises(Invalid, match="is not the file that the manifest names"):
        registered(sha256="0" * 64)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"parts": {}}, "must be a digest, or"),
        ({"parts": {"a": "x"}, "more": 1}, "must be a digest, or"),
        ({"parts": {"../a": "sha256:" + "0" * 64}}, "is no name of a part"),
        ({"parts": {"_hidden": "sha256:" + "0" * 64}}, "is no name of a part"),
        ({"parts": {"a.parquet": "nonsense"}}, "is no digest"),
        ({"parts": {f"p{i}": "sha256:" + "0" * 64 for i in range(4097)}}, "at most 4,096"),
    ],
)
def test_parts_that_cannot_be_are_refused(given, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        read_intake(manifest(), {"datasets": {"holdout": given}})


def test_parts_of_different_columns_are_refused() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"score": [0.5]}), sink)
    odd = factories.blob(sink.getvalue().to_pybytes(), by=factories.developer()).digest
    with pytest.raises(Invalid, match="lacks the column"):
        registered(uploaded() | {"part-9.parquet": odd})
