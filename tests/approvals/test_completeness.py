"""How complete an entry is: parts by tier, each named while it is missing."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from apps.approvals.commands import attest
from apps.approvals.completeness import Completeness, Part, completeness, completeness_of
from apps.inventory import commands
from tests import factories

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.STORE = {"root": tmp_path / "store"}


def missing(key: str = "credit-pd") -> set[str]:
    return {part.id for part in completeness(factories.model(key)).missing}


def test_an_idea_lacks_almost_everything_and_says_what():
    found = missing()
    assert {"limitations", "tier", "version", "document.user-guide", "attestation"} <= found
    assert not {"owner", "purpose"} & found


def test_parts_are_there_once_they_are_mended():
    model = factories.model()
    factories.version()
    commands.change_model(by=factories.developer(), model=model, limitations="No firms.", reason="asked")
    commands.assign_tier(by=factories.head(), model=model, tier=4, rationale="small")
    attest(by=factories.owner(), model=model)
    assert not missing() & {"limitations", "tier", "version", "use", "attestation"}


def test_a_low_tier_owes_less_and_no_tier_owes_what_the_gravest_owes():
    before = missing()
    commands.assign_tier(by=factories.head(), model=factories.model(), tier=4, rationale="small")
    assert {"monitoring", "validation", "document.data-sheet"} <= before
    assert not {"monitoring", "validation", "document.data-sheet"} & missing()


def test_a_document_in_force_is_no_longer_missing():
    commands.register_document(
        by=factories.developer(),
        model=factories.model(),
        kind="user-guide",
        title="Guide",
        label="1",
        stream=io.BytesIO(b"how to"),
        filename="guide.pdf",
    )
    assert "document.user-guide" not in missing()


def test_only_a_vendors_model_owes_the_vendors_file():
    assert "vendor_review" not in missing()
    factories.model("bought", vendor=True)
    assert {"vendor_review", "document.vendor-file"} <= missing("bought")


def test_the_share_is_exact_and_rounded_down():
    parts = tuple(Part(str(i), "", i > 0, "") for i in range(3))
    found = Completeness(parts)
    assert (found.score, found.percent) == (Fraction(2, 3), 66)


def test_many_are_told_with_the_same_answer_as_one():
    models = [factories.model(), factories.model("other")]
    together = completeness_of(models)
    assert {pk: found.as_json() for pk, found in together.items()} == {
        model.pk: completeness(model).as_json() for model in models
    }
