from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest

from apps.audit import keyring
from apps.audit.commands import end_key, register_key, seal, service_signer
from apps.audit.errors import Invalid, NotFound, Refused
from apps.audit.events import EventName
from apps.audit.models import Event, KeyEnd, SigningKey, Statement
from apps.audit.states import Ref
from apps.engine.keys import KeySet, Purpose
from apps.engine.statement import NotGenuine, Subject, canonical, digest, verify
from tests.audit.people import ADA, RELAY

pytestmark = pytest.mark.django_db
ABOUT = [Subject("model:credit-pd@7", digest(b"model"))]


def sealed(**facts) -> Statement:
    given = {
        "by": RELAY,
        "predicate_type": "https://countersign.example/decision/v1",
        "subjects": ABOUT,
        "predicate": {"outcome": "pass", "value": 0.59},
        "event": EventName.DECISION_SEALED,
    }
    return Statement.objects.get(pk=seal(**given | facts).pk)


def keys() -> KeySet:
    return KeySet(tuple(k.record() for k in SigningKey.objects.all()))


def test_a_sealed_statement_verifies_and_its_event_names_it():
    statement = sealed()
    envelope = json.loads(bytes(statement.envelope))
    found = verify(envelope, keys())
    assert found["predicate"]["outcome"] == "pass"
    assert digest(bytes(statement.payload)) == statement.digest
    assert statement.event.doc["after"] == {"statement": statement.digest, "subjects": [ABOUT[0].digest]}
    assert statement.event.action == "decision.sealed"


def test_a_statement_is_sealed_about_a_row():
    assert sealed(about=Ref("person", "7", "ada")).event.object_type == "person"


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"subjects": []}, "at least one subject"),
        ({"subjects": [Subject("m", "sha256:12")]}, "64 hex digits"),
        ({"predicate": {"value": float("inf")}}, '"predicate.value" is inf'),
        ({"predicate": {"signedAt": "2020-01-01T00:00:00Z"}}, "already has"),
    ],
)
def test_what_cannot_be_sealed_leaves_nothing(facts, sentence):
    with pytest.raises(Invalid) as refused:
        sealed(**facts)
    assert sentence in str(refused.value)
    assert not Statement.objects.exists()
    assert not Event.objects.filter(action="decision.sealed").exists()


def test_the_first_use_makes_a_key_that_only_the_service_may_read():
    sealed()
    path = keyring.key_path(Purpose.STATEMENT)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.objects.get().key_id == service_signer(by=RELAY, purpose=Purpose.STATEMENT).key_id
    assert Event.objects.filter(action="key.registered").count() == 1


def test_a_lost_key_is_never_replaced_in_silence():
    sealed()
    keyring.key_path(Purpose.STATEMENT).unlink()
    with pytest.raises(Refused, match="is missing"):
        sealed()
    register_key(by=ADA, purpose=Purpose.STATEMENT)
    assert verify(json.loads(bytes(sealed().envelope)), keys())
    assert SigningKey.objects.count() == 2


def test_a_key_that_others_may_read_is_refused():
    sealed()
    os.chmod(keyring.key_path(Purpose.STATEMENT), 0o644)
    os.utime(keyring.key_path(Purpose.STATEMENT), (1, 1))
    with pytest.raises(Refused, match="must be 0600"):
        sealed()


def test_a_retired_key_vouches_for_its_own_time_only():
    before = sealed()
    end_key(by=ADA, key_id=before.key_id, reason="yearly change")
    assert verify(json.loads(bytes(before.envelope)), keys())
    with pytest.raises(Refused, match="no longer counts"):
        sealed()


def test_a_revoked_key_vouches_for_nothing_but_what_the_log_proves():
    before = sealed()
    end_key(by=ADA, key_id=before.key_id, reason="laptop stolen", revoked=True)
    envelope = json.loads(bytes(before.envelope))
    with pytest.raises(NotGenuine, match="revoked"):
        verify(envelope, keys())
    assert verify(envelope, keys(), logged_at=before.event.occurred_at)
    with pytest.raises(NotGenuine, match="after it was revoked"):
        verify(envelope, keys(), logged_at=datetime(2999, 1, 1, tzinfo=UTC))


def test_a_key_ends_once_with_a_reason():
    key = sealed().key_id
    with pytest.raises(Refused, match="reason is needed"):
        end_key(by=ADA, key_id=key, reason="")
    with pytest.raises(NotFound, match="No key"):
        end_key(by=ADA, key_id="sha256:0", reason="x")
    end_key(by=ADA, key_id=key, reason="x")
    with pytest.raises(Refused, match="retired before"):
        end_key(by=ADA, key_id=key, reason="x")
    assert KeyEnd.objects.count() == 1


def test_the_envelope_is_kept_as_canonical_bytes():
    statement = sealed()
    assert canonical(json.loads(bytes(statement.envelope))) == bytes(statement.envelope)
