"""Legal holds, and what may be removed once its time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.access import commands as access
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.holds import covers, standing_holds
from apps.audit.models import Event, HoldRelease, LegalHold
from apps.inventory import commands as inventory
from apps.inventory.models import Blob, ModelVersion
from apps.inventory.retention import Retention, read_retention, removable, retention, years_after
from apps.inventory.store import the_store
from tests import factories
from tests.flows import bank
from tests.flows.fixtures import folder_kept

pytestmark = pytest.mark.usefixtures("small_bank")
SHIPPED = Path(settings.BASE_DIR) / "policies" / "tiering" / "retention.yaml"


@pytest.fixture(autouse=True)
def _bytes_are_put_back(small_bank) -> Iterator[None]:
    """What is purged here is of a bank that later tests find as it was."""
    with folder_kept(Path(settings.STATE) / "blobs"):
        yield


@pytest.fixture
def rules(tmp_path, monkeypatch) -> Path:
    """Seven years for whatever no regime applies to."""
    path = tmp_path / "retention.yaml"
    path.write_text("kind: Retention\nregimes: []\notherwise: {years: 7}\n")
    monkeypatch.setattr(settings, "RETENTION", str(path), raising=False)
    monkeypatch.setattr("apps.inventory.retention.regime_lines", lambda model: [])
    return path


def retired() -> ModelVersion:
    version = bank.version()
    inventory.retire_use(by=factories.owner(), use=bank.use_of(version), reason="replaced")
    return version


def later(years: int) -> date:
    return timezone.now().date() + timedelta(days=366 * years)


def found(day: date) -> set[str]:
    return {one.blob.digest for one in removable(day)}


def place(**what: object) -> LegalHold:
    return access.place_hold(by=factories.head(), reason="Case 4711", **what)


def test_everything_is_kept_for_ever_unless_a_file_says_otherwise(monkeypatch):
    retired()
    monkeypatch.setattr(settings, "RETENTION", "", raising=False)
    assert retention() is None
    assert removable(later(500)) == []


def test_bytes_of_a_model_in_use_are_never_removable(rules):
    bank.version()
    assert found(later(100)) == set()


def test_data_sets_and_artifacts_go_after_their_years_and_nothing_else(rules):
    version = retired()
    data = set(version.datasets.values_list("blob_id", flat=True))
    assert found(later(6)) == set()
    assert found(later(8)) == data
    assert version.manifest_digest not in data


def test_the_purge_names_each_digest_and_leaves_the_facts(
    rules, monkeypatch, django_capture_on_commit_callbacks
):
    version, day = retired(), later(8)
    monkeypatch.setattr(
        "apps.inventory.commands.purging.clock", lambda: timezone.now() + timedelta(days=366 * 8)
    )
    before = Event.objects.count()
    gone = found(day)
    with django_capture_on_commit_callbacks(execute=True):
        done = inventory.purge_blobs(by=factories.head(), reason="schedule 2034")
    assert {one.blob.digest for one in done} == gone
    assert not any(the_store().has(digest) for digest in gone)
    assert the_store().has(version.manifest_digest)
    told = Event.objects.filter(action="blob.purged")
    assert set(told.values_list("object_id", flat=True)) == gone
    assert Event.objects.count() == before + len(gone)
    assert Blob.objects.filter(pk__in=gone).count() == len(gone)
    assert inventory.purge_blobs(by=factories.head(), reason="again") == []


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"model": "credit-pd"},
        {"first_day": date(2020, 1, 1), "last_day": date(2100, 1, 1)},
        {"model": "credit-pd", "first_day": date(2020, 1, 1), "last_day": date(2100, 1, 1)},
    ],
)
def test_a_hold_keeps_what_it_covers_until_another_person_releases_it(rules, what):
    retired()
    hold = place(**what)
    assert found(later(8)) == set()
    with pytest.raises(Refused, match="another person"):
        access.release_hold(by=factories.head(), hold=hold, reason="settled")
    access.release_hold(by=factories.administrator(), hold=hold, reason="settled")
    assert found(later(8)) != set()
    with pytest.raises(Refused, match="released before"):
        access.release_hold(by=factories.administrator(), hold=hold, reason="settled")


@pytest.mark.parametrize(
    "what", [{"model": "another"}, {"first_day": date(2001, 1, 1), "last_day": date(2002, 1, 1)}]
)
def test_a_hold_of_something_else_keeps_nothing_of_this(rules, what):
    retired()
    place(**what)
    assert found(later(8)) != set()


def test_a_release_that_nobody_signed_releases_nothing(rules):
    retired()
    hold = place()
    HoldRelease.objects.create(
        hold=hold,
        placed_by=hold.placed_by,
        released_by="999",
        reason="forged",
        released_at=timezone.now(),
        statement_digest="sha256:" + "0" * 64,
    )
    assert standing_holds() == [hold]
    assert found(later(8)) == set()


@pytest.mark.parametrize("released_by", ["same", "lied"])
def test_the_database_too_wants_two_people(released_by: str):
    hold = place()
    placed_by = hold.placed_by if released_by == "same" else "999"
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_holdrelease "
            "(hold_id, placed_by, reason, released_by, released_at, statement_digest) "
            "VALUES (%s, %s, 'x', %s, now(), 'y')",
            [hold.pk, placed_by, hold.placed_by],
        )


def test_only_people_of_the_right_place_a_hold():
    with pytest.raises(Forbidden):
        access.place_hold(by=factories.developer(), reason="x")
    with pytest.raises(Invalid):
        place(first_day=date(2026, 1, 2))
    with pytest.raises(Invalid):
        place(first_day=date(2026, 1, 2), last_day=date(2026, 1, 1))


def test_a_hold_is_told_and_sealed():
    hold = place(model="credit-pd")
    access.release_hold(by=factories.administrator(), hold=hold, reason="settled")
    actions = (
        Event.objects.filter(object_id=str(hold.pk)).order_by("occurred_at").values_list("action", flat=True)
    )
    assert list(actions) == ["hold.placed", "hold.released"]


def test_the_longest_of_all_regimes_that_apply_holds_and_an_unknown_one_keeps():
    rules = Retention({"a": 3, "b": 10}, otherwise=None)
    day = date(2024, 2, 29)
    assert rules.ends(["a"], day) == date(2027, 3, 1)
    assert rules.ends(["a", "b"], day) == date(2034, 3, 1)
    assert rules.ends(["a", "unknown"], day) is None
    assert rules.ends([], day) is None
    assert years_after(day, 4) == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind: Policy", "kind: Retention"),
        ("kind: Retention", "list of regimes"),
        ("kind: Retention\nregimes: [{regime: a, years: 0}]", '"years" of a is 0'),
        ("kind: Retention\nregimes: [{regime: a, years: true}]", "is True"),
        ("kind: Retention\nregimes: [{regime: a, years: 1}, {regime: a, years: 2}]", "twice"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(text: str, sentence: str):
    with pytest.raises(Invalid, match=sentence):
        read_retention(text.encode())


def test_the_shipped_rules_are_read_and_in_force_nowhere():
    assert read_retention(SHIPPED.read_bytes()).years["eu-ai-act-high-risk"] == 10
    assert settings.RETENTION == ""


def test_a_day_before_its_span_and_after_it():
    hold = LegalHold(model="", first_day=date(2026, 1, 1), last_day=date(2026, 12, 31))
    assert covers(hold, model="x", first=date(2025, 1, 1), last=None)
    assert not covers(hold, model="x", first=date(2025, 1, 1), last=date(2025, 12, 31))
    assert not covers(hold, model="x", first=date(2027, 1, 1), last=None)


def test_the_commands_show_first_and_remove_when_told(rules, capsys):
    retired()
    call_command("purge_blobs")
    assert "0 could be removed" in capsys.readouterr().out
    with pytest.raises(CommandError, match="say who"):
        call_command("purge_blobs", "--remove")
    said: Callable[..., None] = call_command
    factories.head()
    said("legal_hold", "place", "--model", "credit-pd", "--by", "head", "--reason", "Case 4711")
    assert "credit-pd  since" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no legal hold"):
        said("legal_hold", "release", "x", "--by", "head", "--reason", "x")
