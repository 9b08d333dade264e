from __future__ import annotations

import io

from fontTools.ttLib import TTFont

from apps.reports import pades
from apps.reports.lettering import UNITS, letters_of


def test_letters_are_counted_in_the_units_of_a_pdf_and_lack_none_that_is_printed() -> None:
    """The library writes widths in the font's own units: in any other, printed names run out of their box."""
    text = "Zoë Müller\nvalidated"
    with TTFont(io.BytesIO(letters_of(text))) as font:
        assert font["head"].unitsPerEm == UNITS == 1000
        widths = {letter: font["hmtx"][font.getBestCmap()[ord(letter)]][0] for letter in set(text) - {"\n"}}
    assert all(250 < width < 1000 for width in widths.values())
    assert round(1401 / 2048 * UNITS) - 2 <= widths["Z"] <= round(1403 / 2048 * UNITS) + 2


def test_a_name_with_a_percent_sign_is_printed_as_it_is() -> None:
    assert pades._stamp("100 %(name)s\napproved").stamp_text % {} == "100 %(name)s\napproved"


def test_the_places_for_signatures_stand_below_the_words_and_inside_the_page() -> None:
    boxes = [pades._box(position) for position in range(12)]
    assert all(50 <= left < right <= 545 and 50 <= low < high <= 660 for left, low, right, high in boxes)
    assert len({box[:2] for box in boxes}) == 12
