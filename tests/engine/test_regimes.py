from __future__ import annotations

import pytest

from apps.engine.errors import BadInput
from apps.engine.policy import shipped_folder
from apps.engine.regimes import NONE, applying, known, read_scope, suggested

PATH = shipped_folder() / "tiering" / "regimes.yaml"
AMERICAN = {"model.kind": "classifier", "model.domain": "credit", "model.jurisdictions": ["US"]}


def test_every_regime_applies_but_those_decided_otherwise() -> None:
    assert applying([]) == list(known())
    assert applying(["us-sr26-2", "unheard-of"]) == [name for name in known() if name != "us-sr26-2"]


def test_no_regime_at_all_is_said_so_that_it_is_not_taken_for_unknown() -> None:
    assert applying(known()) == [NONE]


def test_regimes_disagree_on_generative_models() -> None:
    found = suggested({**AMERICAN, "model.kind": "generative", "model.jurisdictions": ["US", "CA"]}, {})
    assert (found["us-sr26-2"].applies, found["ca-osfi-e23"].applies) == (False, True)
    assert found["us-sr26-2"].citation == "SR 26-2 §III and fn 3"


def test_where_nothing_is_known_nothing_is_taken_away() -> None:
    """But for the text that is rescinded, whatever the model."""
    found = suggested({"model.kind": "classifier"}, {})
    assert [name for name, one in found.items() if one.applies is False] == ["us-sr11-7-legacy"]


@pytest.mark.parametrize(
    ("places", "regime", "applies"),
    [
        (["US"], "uk-ss1-23", False),
        (["GB"], "uk-ss1-23", True),
        (["DE"], "basel-irb", None),
        (["US"], "us-co-sb26-189", None),
        (["US-CO"], "us-co-sb26-189", None),
        (["US-NY"], "us-co-sb26-189", False),
        (["FR"], "eu-ai-act-high-risk", True),
        (["US"], "iso-42001", None),
    ],
)
def test_a_jurisdiction_suggests(places: list[str], regime: str, applies: bool | None) -> None:
    assert suggested({**AMERICAN, "model.jurisdictions": places}, {})[regime].applies is applies


def test_a_determination_is_the_first_to_suggest() -> None:
    outcome = {"outcome": "non-model", "because": "It is a sum.", "citation": "§III", "verify": True}
    found = suggested(AMERICAN, {"us-sr26-2": outcome})["us-sr26-2"]
    assert (found.applies, found.citation, found.verify) == (False, "§III", True)
    assert found.because == "By its determination it is no model: It is a sum."


def test_every_suggestion_cites_and_only_known_regimes_are_spoken_of() -> None:
    lines = [line for one in read_scope(PATH.read_bytes(), name="x") for line in one.lines]
    assert lines
    assert all(line["citation"] and line["because"] for line in lines)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("regime: us-sr26-2", "regime: us-sr26"), 'no regime "us-sr26"'),
        (("regime: uk-ss1-23", "regime: us-sr26-2"), "us-sr26-2 stands twice"),
        (("model.kind:", "model.kindd:"), 'Did you mean "model.kind"?'),
        (("applies: false", "applies: no"), "must be true or false"),
    ],
)
def test_a_file_that_cannot_hold_is_refused_with_its_line(change: tuple[str, str], what: str) -> None:
    text = PATH.read_text(encoding="utf-8").replace(*change)
    with pytest.raises(BadInput, match="line") as refusal:
        read_scope(text.encode(), name="regimes.yaml")
    assert what in str(refusal.value)
