from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from apps.access.proving import REAUTHENTICATED, TWO_FACTORS
from apps.audit.models import Event
from tests.standing import standing_bank, world

__all__ = ["standing_bank", "world"]


@pytest.mark.parametrize("twofold", [True, False])
def test_an_event_of_a_session_says_whether_a_second_factor_was_shown(world, twofold):
    client = Client()
    client.force_login(world.people["administrator"], backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[TWO_FACTORS], session[REAUTHENTICATED] = twofold, timezone.now().isoformat()
    session.save()
    sent = {"reason": "Case 4711"}
    client.post("/api/v1/retention/holds", sent, content_type="application/json")
    said = Event.objects.get(action="hold.placed").doc["actor"]["auth"]
    assert (said["method"], said["mfa"]) == ("session", twofold)
    assert 0 <= said["age_s"] < 60
