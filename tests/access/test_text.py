from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.access.text import clean, required
from apps.audit.errors import Invalid


@pytest.mark.parametrize(
    ("char", "told"),
    [
        ("\0", "U+0000"),
        ("\x1b", "U+001B"),
        ("\r", "U+000D"),
        ("\n", "U+000A"),
        ("\u202e", "right-to-left override"),
        ("\u2066", "left-to-right isolate"),
        ("\u200b", "zero width space"),
        ("\ufeff", "zero width no-break space"),
        ("\ue000", "U+E000"),
        ("\ud800", "U+D800"),
    ],
)
def test_what_a_reader_cannot_see_is_refused_and_named(char, told):
    with pytest.raises(Invalid) as refused:
        clean(f"credit{char}model", field="title")
    assert told in str(refused.value)
    assert refused.value.field == "title"
    assert "at character 7" in str(refused.value)


def test_text_is_kept_in_one_form_without_blanks_round_it():
    assert clean("  cafe\u0301 ", field="title") == "café"


def test_scripts_that_need_joiners_keep_them():
    family = "\U0001f469\u200d\U0001f467"
    assert clean(f"می\u200cخواهم {family}", field="title") == f"می\u200cخواهم {family}"


def test_lines_are_kept_where_they_belong():
    assert clean("one\r\ntwo\tthree", field="purpose", lines=True) == "one\ntwo\tthree"


def test_too_long_and_empty_are_refused():
    with pytest.raises(Invalid, match="may have 5"):
        clean("abcdef", field="name", longest=5)
    with pytest.raises(Invalid, match='"name" is empty'):
        required(" \u00a0 ", field="name")
    with pytest.raises(Invalid, match="must be text, not int"):
        clean(3, field="name")


@given(st.text(max_size=60))
def test_whatever_passes_is_normal_and_visible(text):
    try:
        found = clean(text, field="name")
    except Invalid:
        return
    assert found == unicodedata.normalize("NFC", found).strip()
    assert clean(found, field="name") == found
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Co", "Cn"} for c in found)
