"""The report's font as the signing library takes it: a thousand units to the em, the letters of one text."""

from __future__ import annotations

import io
from functools import lru_cache

from apps.reports.drawing import fonts_folder

# What a PDF counts a glyph's width in; the library writes widths in the font's own units.
UNITS = 1000
_UNUSED = ("FFTM", "GDEF", "GPOS", "GSUB", "gasp", "kern")


@lru_cache(maxsize=64)
def letters_of(text: str) -> bytes:
    """A font with the letters of a text; one that the report's font lacks is its empty box."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from fontTools.ttLib.scaleUpem import scale_upem

    kept = Options()
    kept.layout_features, kept.name_IDs, kept.hinting, kept.notdef_outline = [], ["*"], False, True
    kept.drop_tables += list(_UNUSED)
    out = io.BytesIO()
    with TTFont(fonts_folder() / "DejaVuSans.ttf", lazy=True) as font:
        subsetter = Subsetter(kept)
        subsetter.populate(unicodes={ord(letter) for letter in text})
        subsetter.subset(font)
        scale_upem(font, UNITS)
        font.save(out)
    return out.getvalue()
