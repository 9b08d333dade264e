"""The lane for files that can run code: closed, opened once for one file, used by its uploader, traced."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone
from sklearn.linear_model import LogisticRegression

from apps.access.models import Person
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event
from apps.audit.trail import contents
from apps.engine.conversion_run import Converted
from apps.inventory import conversions, store
from apps.inventory.commands import conversions as lane
from apps.inventory.commands import convert_file, open_conversion, store_blob
from apps.inventory.models import Blob, Conversion, ConversionOpening
from tests.gates import rows

pytestmark = pytest.mark.django_db
X = np.random.default_rng(3).normal(size=(120, 2))
FOUND = Converted(
    data=b"onnx bytes",
    format="onnx",
    findings=["m is a Python pickle; loading it can run any code."],
    said={"estimator": "sklearn", "features": 2, "names": None},
    equivalence={"rows": 256, "largest_difference": 0.0, "beyond": 0, "tolerance": 1e-4},
    walls={"network": "own namespace"},
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "STATE", tmp_path)


@pytest.fixture
def dora(db: None) -> Person:
    return rows.person("dora", "developer")


@pytest.fixture
def adam(db: None) -> Person:
    return rows.person("adam", "administrator")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The children's work is done elsewhere; here it has been."""
    monkeypatch.setattr(lane, "examined", lambda _: list(FOUND.findings))
    monkeypatch.setattr(lane, "converted", lambda _: FOUND)


def pickled(by: Person) -> Blob:
    file = io.BytesIO()
    joblib.dump(LogisticRegression().fit(X, (X[:, 0] > 0).astype(int)), file)
    return store_blob(by=by, stream=io.BytesIO(file.getvalue()))


def opened(by: Person, blob: Blob, **changes: Any) -> ConversionOpening:
    return open_conversion(
        by=by, digest=blob.digest, **{"reason": "the vendor has no other", "hours": 2} | changes
    )


@pytest.mark.slow
def test_a_pickle_becomes_an_onnx_of_its_uploader_with_its_lineage_sealed(dora: Person, adam: Person) -> None:
    given = pickled(dora)
    opening = opened(adam, given)
    assert "LogisticRegression" in opening.findings[0]
    assert Event.objects.get(action="conversion.opened").actor_id == str(adam.pk)
    made = convert_file(by=dora, digest=given.digest)
    assert made.format == "onnx"
    assert store.the_store().has(made.made_id)
    told = contents([made.statement_digest])[made.statement_digest]["predicate"]
    assert (told["given"], told["made"], told["opening"]) == (
        given.digest, made.made_id, opening.statement_digest,
    )  # fmt: skip
    assert told["equivalence"]["largest_difference"] < 1e-6
    assert Event.objects.filter(doc__action="conversion.done").count() == 1


def test_the_lane_is_closed_by_default(dora: Person, quick: None) -> None:
    with pytest.raises(Refused, match="An administrator may open one conversion for exactly these bytes"):
        convert_file(by=dora, digest=pickled(dora).digest)
    assert not Conversion.objects.exists()


def test_only_an_administrator_opens_it_and_with_a_reason(dora: Person, adam: Person, quick: None) -> None:
    given = pickled(dora)
    with pytest.raises(Forbidden):
        opened(dora, given)
    with pytest.raises(Invalid, match="reason"):
        opened(adam, given, reason=" ")
    for hours in (0, 169, True, "2"):
        with pytest.raises(Invalid, match="from 1 to 168"):
            opened(adam, given, hours=hours)
    with pytest.raises(NotFound):
        open_conversion(by=adam, digest="sha256:" + "0" * 64, reason="x", hours=1)
    assert not ConversionOpening.objects.exists()


def test_it_is_used_once(dora: Person, adam: Person, quick: None) -> None:
    given = pickled(dora)
    opened(adam, given)
    convert_file(by=dora, digest=given.digest)
    with pytest.raises(Refused, match="none is open"):
        convert_file(by=dora, digest=given.digest)


def test_it_ends(dora: Person, adam: Person, quick: None) -> None:
    given = pickled(dora)
    late = opened(adam, given).until + timedelta(seconds=1)
    with pytest.raises(Refused, match="was open until"):
        conversions.open_for(given, late)
    assert conversions.open_for(given, timezone.now()).given_id == given.pk


def test_others_bytes_are_nobodys(dora: Person, adam: Person, quick: None) -> None:
    given = pickled(dora)
    opened(adam, given)
    eve = rows.person("eve", "developer")
    with pytest.raises(NotFound, match="You handed in no bytes"):
        convert_file(by=eve, digest=given.digest)
    assert not conversions.visible_openings(eve)
    assert conversions.visible_openings(dora).count() == 1


def test_whoever_opens_it_does_not_use_it(adam: Person, dora: Person, quick: None) -> None:
    both = rows.person("boss", "developer", "administrator")
    given = pickled(both)
    opened(both, given)
    with pytest.raises(Forbidden, match="another person"):
        convert_file(by=both, digest=given.digest)


@pytest.mark.slow
def test_data_needs_no_lane(dora: Person, adam: Person) -> None:
    plain = store_blob(by=dora, stream=io.BytesIO(b"a,b\n1,2\n"))
    with pytest.raises(Invalid, match="nothing has to be converted"):
        opened(adam, plain)
