"""Which keys count and when: published is what is trusted; rotation, retirement, compromise."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from apps.audit import keyring, queries
from apps.audit.commands import end_key, register_key, rotate_key, seal, service_signer
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.models import Event, SigningKey, Statement
from apps.audit.queries import keys as trusted
from apps.engine.canonical import digest
from apps.engine.keys import FileSigner, Purpose
from apps.engine.statement import NotGenuine, Subject
from tests.audit.people import RELAY

pytestmark = pytest.mark.django_db
STATEMENT = Purpose.STATEMENT


def sealed() -> Statement:
    return seal(
        by=RELAY,
        predicate_type="https://countersign.example/decision/v1",
        subjects=[Subject("m", digest(b"m"))],
        predicate={"outcome": "pass"},
        event=EventName.DECISION_SEALED,
    )


def published() -> set[str]:
    return {record.key_id for record in trusted()}


def test_a_row_of_the_database_alone_is_not_published(tmp_path):
    own = service_signer(by=RELAY, purpose=STATEMENT)
    thief = FileSigner.create(tmp_path / "thief.pem")
    event = Event.objects.latest("occurred_at")
    SigningKey.objects.create(
        key_id=thief.key_id, purpose=STATEMENT, public=thief.public, valid_from=timezone.now(), event=event
    )
    assert published() == {own.key_id}
    assert queries.strange_keys() == [thief.key_id]
    assert service_signer(by=RELAY, purpose=STATEMENT).key_id == own.key_id


def test_a_rotated_key_still_vouches_for_what_it_signed():
    old, before = service_signer(by=RELAY, purpose=STATEMENT), sealed()
    new = rotate_key(by=RELAY, purpose=STATEMENT, reason="yearly change")
    after = sealed()
    assert (before.key_id, after.key_id) == (old.key_id, new.key_id)
    assert published() == {old.key_id, new.key_id}
    for made in (before, after):
        assert queries.read_statement(made.digest)["predicate"]["outcome"] == "pass"
    assert keyring.following(STATEMENT) is None
    assert Event.objects.filter(action="key.retired", object_id=old.key_id).count() == 1


@pytest.mark.parametrize("step", ["take_over", "_end"])
def test_a_rotation_that_breaks_off_is_finished_when_it_is_asked_for_again(monkeypatch, step):
    old = service_signer(by=RELAY, purpose=STATEMENT)
    where = "apps.audit.keyring.take_over" if step == "take_over" else "apps.audit.commands.keys._end"

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, dies)
        with pytest.raises(KeyboardInterrupt):
            rotate_key(by=RELAY, purpose=STATEMENT, reason="yearly change")
    sealed()
    new = rotate_key(by=RELAY, purpose=STATEMENT, reason="yearly change")
    assert {old.key_id, new.key_id} == published()
    assert trusted().records[0].valid_to is not None
    assert SigningKey.objects.count() == 2


def test_a_statement_outside_the_window_of_its_key_is_refused():
    made = sealed()
    end_key(by=RELAY, key_id=made.key_id, reason="yearly change")
    assert queries.read_statement(made.digest)
    late = trusted().records[0]
    assert "after the key" in (late.why_not(timezone.now()) or "")
    assert "before the key" in (late.why_not(late.valid_from - timedelta(seconds=1)) or "")


def test_after_a_compromise_only_what_the_log_held_before_counts():
    before = sealed()
    stolen = timezone.now()
    after = sealed()
    end_key(by=RELAY, key_id=before.key_id, reason="laptop stolen", revoked=True, since=stolen)
    assert queries.read_statement(before.digest)
    with pytest.raises(NotGenuine, match="after it was revoked"):
        queries.read_statement(after.digest)
    assert queries.signed_since(before.key_id, stolen) == 1
    with pytest.raises(Refused, match="no longer counts"):
        register_key(by=RELAY, purpose=STATEMENT)
    assert rotate_key(by=RELAY, purpose=STATEMENT, reason="laptop stolen").key_id != before.key_id
    assert queries.read_statement(sealed().digest)


def test_a_compromise_may_turn_out_to_be_earlier_and_never_later():
    key = service_signer(by=RELAY, purpose=STATEMENT).key_id
    now = timezone.now()
    end_key(by=RELAY, key_id=key, reason="stolen", revoked=True, since=now)
    end_key(by=RELAY, key_id=key, reason="a week ago", revoked=True, since=now - timedelta(days=7))
    assert trusted().records[0].revoked_at == now - timedelta(days=7)
    with pytest.raises(Refused, match="revoked before"):
        end_key(by=RELAY, key_id=key, reason="no, today", revoked=True, since=now)
    with pytest.raises(Invalid, match="still to come"):
        end_key(by=RELAY, key_id=key, reason="x", revoked=True, since=now + timedelta(days=1))
    with pytest.raises(Invalid, match="may have been stolen"):
        end_key(by=RELAY, key_id=key, reason="x", since=now)


def test_the_command_rotates_and_revokes(capsys):
    call_command("keys")
    old = service_signer(by=RELAY, purpose=STATEMENT).key_id
    call_command("keys", "rotate", "--purpose", "statement", "--reason", "yearly change")
    assert "retired at" in capsys.readouterr().out
    words = ["revoke", old, "--compromised-since", "2026-01-01", "--reason", "found on a stick"]
    call_command("keys", *words)
    told = capsys.readouterr()
    assert "revoked as of 2026-01-01" in told.out
    assert "0 statements" in told.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rotate", "--reason", "x"], "which key"),
        (["revoke", "--reason", "x"], "name the key"),
        (["revoke", "sha256:0", "--reason", "x", "--compromised-since", "monday"], "no time"),
        (["rotate", "--purpose", "statement"], "reason is needed"),
    ],
)
def test_the_command_says_what_is_missing(words, sentence):
    call_command("keys", "--verbosity=0")
    with pytest.raises(CommandError, match=sentence):
        call_command("keys", *words)


def test_the_private_half_of_a_rotated_key_is_gone():
    service_signer(by=RELAY, purpose=STATEMENT)
    old = keyring.key_path(STATEMENT).read_bytes()
    rotate_key(by=RELAY, purpose=STATEMENT, reason="yearly change")
    kept = [path.read_bytes() for path in (settings.STATE / "keys").iterdir()]
    assert old not in kept
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_signingkey")
        assert cursor.fetchone() == (2,)
