from __future__ import annotations

import json

import pytest
from django.db import IntegrityError, transaction

from apps.audit.commands import record
from apps.audit.events import EventName
from apps.audit.models import Event, Pending
from apps.audit.states import Actor, Ref, system

ADA = Actor(type="person", id="7", name="Ada Example")
MODEL = Ref(type="model", id="credit-pd", name="Probability of default")

pytestmark = pytest.mark.django_db


def test_record_stores_exact_bytes():
    event = record(by=ADA, action=EventName.MODEL_REGISTERED, subject=MODEL, after={"tier": 1})
    stored = Event.objects.get(pk=event.pk)
    assert json.loads(bytes(stored.body)) == stored.doc
    assert stored.actor_id == "7"
    assert Pending.objects.filter(event=event).exists()
