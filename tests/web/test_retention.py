"""The page and the endpoints of legal holds, of what is due, and of erasing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apps.access import commands as access
from apps.access.models import Person
from apps.audit.holds import standing_holds
from apps.audit.models import Event, LegalHold
from apps.inventory import commands as inventory
from apps.inventory.store import the_store
from tests.factories import PASSWORD
from tests.flows import bank
from tests.flows.fixtures import folder_kept
from tests.standing import Standing, standing_bank, world

__all__ = ["standing_bank", "world"]
BACK = {"back": "/retention"}
BACKEND = "django.contrib.auth.backends.ModelBackend"
AT = (
    "apps.web.views.retention.clock",
    "apps.api.views.retention.clock",
    "apps.inventory.commands.purging.clock",
)


def signed_in(world: Standing, role: str, *, fresh: bool = False) -> Client:
    client = Client()
    client.force_login(world.people[role], backend=BACKEND)
    if fresh:
        client.post("/reauthenticate", {"password": PASSWORD})
    return client


def read(client: Client) -> str:
    answer = client.get("/retention")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def held(world: Standing, role: str = "administrator") -> LegalHold:
    return access.place_hold(by=world.people[role], reason="Case 4711", model="credit-pd")


@pytest.fixture
def retired(world: Standing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Every model retired, seven years kept, eight years on; the store is put back after."""
    rules = tmp_path / "retention.yaml"
    rules.write_text("kind: Retention\nregimes: []\notherwise: {years: 7}\n")
    monkeypatch.setattr(settings, "RETENTION", str(rules))
    monkeypatch.setattr("apps.inventory.retention.regime_lines", lambda model: [])
    for name in AT:
        monkeypatch.setattr(name, lambda: timezone.now() + timedelta(days=366 * 8))
    use = bank.use_of(world.granted.version)
    inventory.retire_use(by=world.people["owner"], use=use, reason="replaced")
    with folder_kept(Path(settings.STATE) / "blobs"):
        yield


def test_a_hold_is_placed_and_another_person_releases_it(world):
    placer, other = signed_in(world, "administrator", fresh=True), signed_in(world, "head-of-model-risk")
    placer.post("/retention/holds", {"model": "credit-pd", "reason": "Case 4711"})
    (hold,) = standing_holds()
    assert "Case 4711" in read(placer)
    assert "Placed by you; another person releases it." in read(placer)
    place = f"/retention/holds/{hold.pk}/release"
    assert "another person" in placer.post(place, {"reason": "x", **BACK}, follow=True).content.decode()
    assert other.post(place, {"reason": "settled", **BACK})["Location"].startswith("/reauthenticate")
    assert standing_holds() == [hold]
    other.post("/reauthenticate", {"password": PASSWORD})
    assert "has ended" in other.post(place, {"reason": "settled"}, follow=True).content.decode()
    assert standing_holds() == []


def test_an_auditor_reads_and_has_no_form(world):
    hold = held(world)
    page = read(signed_in(world, "auditor"))
    assert "Case 4711" in page
    assert hold.statement_digest in page
    assert 'action="/retention/' not in page
    assert signed_in(world, "developer").get("/retention").status_code == 403


def test_what_was_shown_is_removed_and_nothing_else(world, retired, django_capture_on_commit_callbacks):
    client = signed_in(world, "head-of-model-risk", fresh=True)
    page = read(client)
    shown = page.partition('name="shown" value="')[2].partition('"')[0]
    stale = client.post("/retention/purge", {"shown": "sha256:x", "reason": "r", **BACK}, follow=True)
    assert "What is due has changed" in stale.content.decode()
    assert not Event.objects.filter(action="blob.purged").exists()
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/retention/purge", {"shown": shown, "reason": "schedule 2034"})
    gone = list(Event.objects.filter(action="blob.purged").values_list("object_id", flat=True))
    assert gone
    assert all(digest in page and not the_store().has(digest) for digest in gone)
    assert '<p class="quiet">Nothing.</p>' in read(client)


def test_a_hold_is_told_beside_the_model_whose_bytes_it_keeps(world, retired):
    held(world)
    page = read(signed_in(world, "auditor"))
    assert "A legal hold covers credit-pd: Case 4711" in page
    assert 'id="due">What may be removed today</h2> <p class="quiet">Nothing.</p>' in page


def test_a_person_is_erased_once_the_name_was_typed_twice(world):
    client, gone = signed_in(world, "administrator", fresh=True), world.people["developer"]
    form = {"username": gone.username, "reason": "Art. 17, request 12"}
    wrong = client.post("/retention/erase", {**form, "again": "x", **BACK}, follow=True)
    assert "nothing was erased" in wrong.content.decode()
    assert Person.objects.get(pk=gone.pk).username == gone.username
    client.post("/retention/erase", {**form, "again": gone.username})
    erased = Person.objects.get(pk=gone.pk)
    assert (erased.username, erased.name, erased.is_active) == (f"erased-{gone.pk}", "(erased)", False)
    assert Event.objects.filter(action="person.erased").count() == 1


@pytest.mark.parametrize("address", ["erase", "purge"])
def test_what_cannot_be_undone_asks_for_the_password(world, address):
    client = signed_in(world, "administrator")
    name = world.people["developer"].username
    form = {"username": name, "again": name, "reason": "x", **BACK}
    answer = client.post(f"/retention/{address}", form)
    assert answer["Location"].startswith("/reauthenticate")
    assert Person.objects.filter(username=name).exists()


def posted(client: Client, place: str, **sent: str):
    return client.post(f"/api/v1/{place}", sent, content_type="application/json")


def why_refused(answer) -> str:
    """The code of a refusal: how the type of its problem document ends (RFC 9457)."""
    assert answer["Content-Type"].startswith("application/problem+json")
    return answer.json()["type"].rpartition("/")[2]


def test_the_api_tells_and_places_and_releases(world, retired):
    placer, other = signed_in(world, "administrator", fresh=True), signed_in(world, "head-of-model-risk")
    due = placer.get("/api/v1/retention").json()
    assert due["rules"] == {"years": {}, "otherwise": 7}
    assert due["retired"][0]["model"] == "credit-pd"
    assert due["due"]["files"] == len(due["due"]["first"]) > 0
    made = posted(placer, "retention/holds", reason="Case 1", first_day="2020-01-01", last_day="2090-01-01")
    assert made.status_code == 201
    assert other.get("/api/v1/retention").json()["due"]["files"] == 0
    place = f"retention/holds/{made.json()['id']}/release"
    assert posted(placer, place, reason="x").status_code == 409
    unproved = posted(other, place, reason="x")
    assert (unproved.status_code, why_refused(unproved)) == (403, "reauthenticate")
    other.post("/reauthenticate", {"password": PASSWORD})
    assert posted(other, place, reason="x").status_code == 200
    (line,) = other.get("/api/v1/retention/holds").json()["holds"]
    assert (line["stands"], line["released"]["by"]) == (False, world.people["head-of-model-risk"].name)


def test_the_api_removes_what_was_shown(world, retired, django_capture_on_commit_callbacks):
    client = signed_in(world, "head-of-model-risk")
    due = client.get("/api/v1/retention").json()["due"]
    sent = {"shown": due["digest"], "reason": "schedule 2034"}
    assert why_refused(posted(client, "retention/purge", **sent)) == "reauthenticate"
    client.post("/reauthenticate", {"password": PASSWORD})
    assert posted(client, "retention/purge", **{**sent, "shown": "sha256:x"}).status_code == 409
    with django_capture_on_commit_callbacks(execute=True):
        gone = posted(client, "retention/purge", **sent).json()
    assert (len(gone["removed"]), gone["bytes"]) == (due["files"], due["bytes"])
    assert not any(the_store().has(one["digest"]) for one in gone["removed"])
    assert Event.objects.filter(action="blob.purged").count() == due["files"]


def test_the_api_erases_a_person(world):
    client, gone = signed_in(world, "administrator"), world.people["developer"]
    place, sent = f"people/{gone.username}/erase", {"again": gone.username, "reason": "Art. 17"}
    assert why_refused(posted(client, place, **sent)) == "reauthenticate"
    client.post("/reauthenticate", {"password": PASSWORD})
    assert posted(client, place, **{**sent, "again": "x"}).status_code == 422
    assert posted(client, "people/nobody-here/erase", again="nobody-here", reason="x").status_code == 404
    assert posted(client, place, **sent).json() == {"username": f"erased-{gone.pk}"}
    own = world.people["administrator"].username
    assert posted(client, f"people/{own}/erase", again=own, reason="x").status_code == 409
