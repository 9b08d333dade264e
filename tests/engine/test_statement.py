from __future__ import annotations

import base64
import copy
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import rfc8785
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from apps.engine.canonical import canonical, digest, read_json, read_time, rfc3339
from apps.engine.errors import BadInput
from apps.engine.keys import FileSigner, KeyRecord, KeySet, Purpose
from apps.engine.statement import NotGenuine, Subject, make_statement, pae, sign, verify

FIRST = FileSigner(Ed25519PrivateKey.from_private_bytes(b"1" * 32))
SECOND = FileSigner(Ed25519PrivateKey.from_private_bytes(b"2" * 32))
START = datetime(2026, 1, 1, tzinfo=UTC)
SIGNED = datetime(2026, 3, 1, tzinfo=UTC)
KEY = KeyRecord(public=FIRST.public, purpose=Purpose.STATEMENT, valid_from=START)
KEYS = KeySet((KEY,))
BOTH = KeySet((KEY, replace(KEY, public=SECOND.public)))
STATEMENT = make_statement(
    "https://example.com/fact/v1", [Subject("m", digest(b"m"))], {"signedAt": rfc3339(SIGNED), "value": 0.5}
)
PAYLOAD = canonical(STATEMENT)
ENVELOPE = sign(PAYLOAD, FIRST)


# --- Canonical bytes -----------------------------------------------------------------------------------


def test_the_example_of_the_standard():
    given_text = (
        '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}'
    )
    assert canonical(json.loads(given_text)).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_keys_are_sorted_by_utf16():
    doc = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical(doc)).values()) == [2, 4, 6, 7, 1, 5, 3]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
        (2**53 - 1, "9007199254740991"),
        (1e20, "1" + "0" * 20),
    ],
)
def test_numbers_have_one_form(number, text):
    assert canonical(number).decode() == text


@pytest.mark.parametrize(
    ("doc", "sentence"),
    [
        ({"a": [1, math.inf]}, '"a[1]" is inf'),
        ({"a": math.nan}, '"a" is nan'),
        ({"a": {"b": 2**53}}, '"a.b" is 9007199254740992'),
        ({"a": "\ud800"}, '"a" holds half of a surrogate pair'),
        ({"\udfff": 1}, "surrogate"),
        ({1: 1}, "keys must be text"),
        ({"a": Decimal("1.1")}, '"a" is a Decimal'),
        ({"a": b"x"}, '"a" is a bytes'),
        ({"a": {1, 2}}, '"a" is a set'),
    ],
)
def test_what_has_no_canonical_form_is_named(doc, sentence):
    with pytest.raises(BadInput) as refused:
        canonical(doc)
    assert sentence in str(refused.value)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_what_is_read_back_is_the_same_bytes(value):
    data = canonical(value)
    again = read_json(data, what="it")
    assert again == value
    assert canonical(again) == data


@given(json_values)
def test_the_short_way_writes_the_same_bytes(value):
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a":1,"a":2}', "stands twice"),
        ('{"a":NaN}', "NaN is not a JSON number"),
        ("[1e999]", "is inf"),
        ('{"a":123456789012345678901234567890}', "beyond 2^53-1"),
        ('{"a":9007199254740993}', "beyond 2^53-1"),
        ("[" * 5000, "nested more than 100"),
        ("[" * 200 + "]" * 200, "nested more than 100"),
        ("{} {}", "line 1, column 4"),
        ("", "line 1, column 1"),
    ],
)
def test_json_is_read_strictly(text, sentence):
    with pytest.raises(BadInput) as refused:
        read_json(text, what="It")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "text", ["2026-03-01", "2026-03-01T12:00:00", "2026-02-30T12:00:00Z", 5, None, "soon"]
)
def test_a_time_without_zone_or_sense_is_refused(text):
    with pytest.raises(BadInput, match="expected a time like"):
        read_time(text, what="it")


def test_times_of_any_zone_are_one_time():
    assert read_time("2026-03-01T14:00:00+02:00", what="it") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    with pytest.raises(BadInput, match="no time zone"):
        rfc3339(datetime(2026, 3, 1))  # noqa: DTZ001


# --- Statements ----------------------------------------------------------------------------------------


def test_what_was_signed_is_what_is_read():
    assert verify(ENVELOPE, KEYS) == STATEMENT
    assert verify(copy.deepcopy(ENVELOPE), KEYS, at=SIGNED) == STATEMENT


def test_openssl_style_verification_agrees():
    key = serialization.load_der_public_key(bytes.fromhex("302a300506032b6570032100") + FIRST.public)
    key.verify(base64.b64decode(ENVELOPE["signatures"][0]["sig"]), pae(ENVELOPE["payloadType"], PAYLOAD))


@given(st.integers(0, len(PAYLOAD) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(place, flip):
    changed = PAYLOAD[:place] + bytes([PAYLOAD[place] ^ flip]) + PAYLOAD[place + 1 :]
    with pytest.raises(NotGenuine, match="No trusted key"):
        verify(ENVELOPE | {"payload": base64.b64encode(changed).decode()}, KEYS)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"payloadType": "application/json"}, "payload type"),
        ({"payload": None}, 'no "payload"'),
        ({"payload": "*"}, "not base64"),
        ({"signatures": []}, "between 1 and 100"),
        ({"signatures": [{}]}, 'no "sig"'),
        ({"signatures": ["x"]}, 'no "sig"'),
        ({"signatures": [{"sig": "AAAA"}]}, "No trusted key"),
    ],
)
def test_a_malformed_envelope_is_refused(change, sentence):
    with pytest.raises(NotGenuine) as refused:
        verify(ENVELOPE | change, KEYS)
    assert sentence in str(refused.value)


def test_the_key_id_is_only_a_hint():
    lying = [{"keyid": SECOND.key_id, "sig": ENVELOPE["signatures"][0]["sig"]}]
    assert verify(ENVELOPE | {"signatures": lying}, KEYS) == STATEMENT
    with pytest.raises(NotGenuine, match="No trusted key"):
        verify(sign(PAYLOAD, SECOND) | {}, KEYS)


def test_a_threshold_counts_different_keys():
    twice = ENVELOPE | {"signatures": ENVELOPE["signatures"] * 2}
    doubled = KeySet((KEY, KEY))
    with pytest.raises(NotGenuine, match="1 trusted key signed this; 2 must have"):
        verify(twice, doubled, threshold=2)
    assert verify(sign(PAYLOAD, FIRST, SECOND), BOTH, threshold=2) == STATEMENT


def test_a_key_for_checkpoints_signs_no_statements():
    with pytest.raises(NotGenuine, match="No trusted key for statements"):
        verify(ENVELOPE, KeySet((replace(KEY, purpose=Purpose.CHECKPOINT),)))


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("window", "logged", "sentence"),
    [
        ({"valid_from": SIGNED + DAY}, None, "before the key"),
        ({"valid_to": SIGNED}, None, "was retired"),
        ({"revoked_at": SIGNED + DAY}, None, "nothing proves"),
        ({"revoked_at": SIGNED + DAY}, SIGNED + 2 * DAY, "after it was revoked"),
        ({"revoked_at": SIGNED - DAY}, SIGNED, "after it was revoked"),
    ],
)
def test_outside_its_window_a_key_does_not_count(window, logged, sentence):
    with pytest.raises(NotGenuine, match=sentence):
        verify(ENVELOPE, KeySet((replace(KEY, **window),)), logged_at=logged)


@pytest.mark.parametrize(
    ("window", "logged"),
    [
        ({"valid_from": SIGNED}, None),
        ({"valid_to": SIGNED + DAY}, None),
        ({"revoked_at": SIGNED + DAY}, SIGNED),
    ],
)
def test_inside_its_window_a_key_counts(window, logged):
    assert verify(ENVELOPE, KeySet((replace(KEY, **window),)), logged_at=logged) == STATEMENT


def test_a_statement_from_the_future_did_not_exist():
    with pytest.raises(NotGenuine, match=r"was signed at .* after"):
        verify(ENVELOPE, KEYS, at=SIGNED - DAY)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (json.dumps(STATEMENT).encode(), "canonical form"),
        (canonical(STATEMENT | {"_type": "x"}), "not an in-toto Statement"),
        (canonical([]), "not an in-toto Statement"),
        (b"\xff", "not UTF-8"),
        (PAYLOAD.replace(b'"signedAt"', b'"signedOn"'), "when it was signed"),
        (
            PAYLOAD.replace(b'{"signedAt":"2026-03-01T00:00:00.000000Z","value":0.5}', b"null"),
            "lacks its subject",
        ),
    ],
)
def test_what_is_signed_must_be_a_canonical_statement(payload, sentence):
    with pytest.raises(NotGenuine) as refused:
        verify(sign(payload, FIRST), KEYS)
    assert sentence in str(refused.value)


def test_a_statement_needs_a_subject_and_an_envelope_a_signature():
    with pytest.raises(BadInput, match="at least one subject"):
        make_statement("t", [], {"signedAt": rfc3339(SIGNED)})
    with pytest.raises(BadInput, match="at least one signature"):
        sign(PAYLOAD)
