"""The lane for files that can run code: closed, opened once for one file, used by its uploader, traced."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone
from sklearn.linear_model import LogisticRegression

from apps.access.commands import end_grant
from apps.access.models import Person
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event
from apps.audit.past import reading
from apps.audit.states import system
from apps.audit.trail import contents
from apps.engine.conversion_run import Converted
from apps.engine.errors import BadInput
from apps.inventory import conversions, store
from apps.inventory.commands import (
    ask_conversion,
    execute_conversion,
    give_back_conversions,
    mind_conversions,
    open_conversion,
    store_blob,
)
from apps.inventory.commands import conversion_leases as leases
from apps.inventory.commands import conversions as lane
from apps.inventory.models import Blob, Conversion, ConversionJob, ConversionOpening
from apps.inventory.store import Unreachable
from tests.gates import rows
from tests.gates.broker import Broker

pytestmark = pytest.mark.django_db
WORKER = system("worker")
X = np.random.default_rng(3).normal(size=(120, 2))
FOUND = Converted(
    data=b"onnx bytes",
    format="onnx",
    findings=["m is a Python pickle; loading it can run any code."],
    said={"estimator": "sklearn", "features": 2, "names": None},
    equivalence={"rows": 256, "largest_difference": 0.0, "beyond": 0, "tolerance": 1e-4},
    walls={"network": "own namespace"},
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "STATE", tmp_path)


@pytest.fixture
def dora(db: None) -> Person:
    return rows.person("dora", "developer")


@pytest.fixture
def adam(db: None) -> Person:
    return rows.person("adam", "administrator")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The children's work is done elsewhere; here it has been."""
    monkeypatch.setattr(lane, "examined", lambda _: list(FOUND.findings))
    monkeypatch.setattr(lane, "converted", lambda _: FOUND)


def pickled(by: Person) -> Blob:
    file = io.BytesIO()
    joblib.dump(LogisticRegression().fit(X, (X[:, 0] > 0).astype(int)), file)
    return store_blob(by=by, stream=io.BytesIO(file.getvalue()))


def opened(by: Person, blob: Blob, **changes: Any) -> ConversionOpening:
    return open_conversion(
        by=by, digest=blob.digest, **{"reason": "the vendor has no other", "hours": 2} | changes
    )


def done(job: ConversionJob, owner: str = "w:1:2") -> ConversionJob:
    found = execute_conversion(by=WORKER, job_id=job.pk, owner=owner)
    assert found is not None
    return found


def converted(by: Person, blob: Blob) -> Conversion:
    job = done(ask_conversion(by=by, digest=blob.digest))
    assert job.state == "converted", job.cause
    assert job.conversion is not None
    return job.conversion


@pytest.mark.slow
def test_a_pickle_becomes_an_onnx_of_its_uploader_with_its_lineage_sealed(dora: Person, adam: Person) -> None:
    given = pickled(dora)
    opening = opened(adam, given)
    assert "LogisticRegression" in opening.findings[0]
    assert Event.objects.get(action="conversion.opened").actor_id == str(adam.pk)
    made = converted(dora, given)
    assert made.format == "onnx"
    assert store.the_store().has(made.made_id)
    told = contents([made.statement_digest])[made.statement_digest]["predicate"]
    assert (told["given"], told["made"], told["opening"]) == (
        given.digest, made.made_id, opening.statement_digest,
    )  # fmt: skip
    assert told["equivalence"]["largest_difference"] < 1e-6
    assert Event.objects.filter(doc__action="conversion.done").count() == 1


def test_the_lane_is_closed_by_default(dora: Person, quick: None) -> None:
    with pytest.raises(Refused, match="An administrator may open one conversion for exactly these bytes"):
        ask_conversion(by=dora, digest=pickled(dora).digest)
    assert not Conversion.objects.exists()


def test_only_an_administrator_opens_it_and_with_a_reason(dora: Person, adam: Person, quick: None) -> None:
    given = pickled(dora)
    with pytest.raises(Forbidden):
        opened(dora, given)
    with pytest.raises(Invalid, match="reason"):
        opened(adam, given, reason=" ")
    for hours in (0, 169, True, "2"):
        with pytest.raises(Invalid, match="from 1 to 168"):
            opened(adam, given, hours=hours)
    with pytest.raises(NotFound):
        open_conversion(by=adam, digest="sha256:" + "0" * 64, reason="x", hours=1)
    assert not ConversionOpening.objects.exists()


def test_it_is_used_once(dora: Person, adam: Person, quick: None) -> None:
    given = pickled(dora)
    opened(adam, given)
    converted(dora, given)
    with pytest.raises(Refused, match="none is open"):
        ask_conversion(by=dora, digest=given.digest)


def test_it_ends(dora: Person, adam: Person, quick: None) -> None:
    given = pickled(dora)
    late = opened(adam, given).until + timedelta(seconds=1)
    with pytest.raises(Refused, match="was open until"):
        conversions.open_for(given, late)
    assert conversions.open_for(given, timezone.now()).given_id == given.pk


def test_others_bytes_are_nobodys(dora: Person, adam: Person, quick: None) -> None:
    given = pickled(dora)
    opened(adam, given)
    eve = rows.person("eve", "developer")
    with pytest.raises(NotFound, match="You handed in no bytes"):
        ask_conversion(by=eve, digest=given.digest)
    assert not conversions.visible_openings(eve)
    assert conversions.visible_openings(dora).count() == 1


def test_whoever_opens_it_does_not_use_it(adam: Person, dora: Person, quick: None) -> None:
    both = rows.person("boss", "developer", "administrator")
    given = pickled(both)
    opened(both, given)
    with pytest.raises(Forbidden, match="another person"):
        ask_conversion(by=both, digest=given.digest)


@pytest.mark.slow
def test_data_needs_no_lane(dora: Person, adam: Person) -> None:
    plain = store_blob(by=dora, stream=io.BytesIO(b"a,b\n1,2\n"))
    with pytest.raises(Invalid, match="nothing has to be converted"):
        opened(adam, plain)


# A worker does it -----------------------------------------------------------------------------------------


@pytest.fixture
def asked(dora: Person, adam: Person, quick: None) -> ConversionJob:
    given = pickled(dora)
    opened(adam, given)
    return ask_conversion(by=dora, digest=given.digest)


def broken(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def no(_: Path) -> Converted:
        raise error

    monkeypatch.setattr(lane, "converted", no)


def test_asking_twice_is_asking_once(asked: ConversionJob, dora: Person) -> None:
    assert ask_conversion(by=dora, digest=asked.opening.given_id).pk == asked.pk
    assert Event.objects.filter(doc__action="conversion.asked").count() == 1


def test_another_who_handed_the_same_in_cannot_take_it_away(asked: ConversionJob) -> None:
    eve = rows.person("eve", "developer")
    with store.open(asked.opening.given_id) as file:
        store_blob(by=eve, stream=file)
    with pytest.raises(Refused, match="Somebody else asked already"):
        ask_conversion(by=eve, digest=asked.opening.given_id)


def test_two_workers_one_conversion(asked: ConversionJob) -> None:
    done(asked)
    assert execute_conversion(by=WORKER, job_id=asked.pk, owner="w:2:2") is None
    assert Event.objects.get(action="conversion.converted").object_id == str(asked.pk)
    assert Conversion.objects.count() == 1


def test_a_refused_one_says_why_and_leaves_the_opening(
    asked: ConversionJob, dora: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, BadInput("The file cannot be loaded: EOFError."))
    assert done(asked).state == "refused"
    told = Event.objects.get(action="conversion.refused")
    assert told.doc["reason"] == "The file cannot be loaded: EOFError."
    again = ask_conversion(by=dora, digest=asked.opening.given_id)
    assert (again.pk != asked.pk, again.state) == (True, "queued")


def test_what_the_file_is_not_guilty_of_is_tried_three_times(
    asked: ConversionJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, Unreachable("The store gives no answer."))
    assert [done(asked).state for _ in range(3)] == ["queued", "queued", "refused"]
    asked.refresh_from_db()
    assert asked.cause == "The store gives no answer. It was tried 3 times."


def test_a_late_twin_keeps_nothing(asked: ConversionJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken_meanwhile(_: Path) -> Converted:
        give_back_conversions(by=WORKER, owner="w:1")
        leases.claim_conversion(by=WORKER, job_id=asked.pk, owner="x:1:1")
        return FOUND

    monkeypatch.setattr(lane, "converted", taken_meanwhile)
    assert execute_conversion(by=WORKER, job_id=asked.pk, owner="w:1:2") is None
    assert not Conversion.objects.exists()
    asked.refresh_from_db()
    assert (asked.state, asked.owner, asked.lost) == ("running", "x:1:1", 0)
    assert Event.objects.get(action="conversion.returned").doc["reason"] == "The worker w:1 is shut down."
    assert Event.objects.filter(action="conversion.begun").count() == 2


def test_the_relay_takes_back_what_a_lost_worker_had(asked: ConversionJob) -> None:
    leases.claim_conversion(by=WORKER, job_id=asked.pk, owner="w:1:2")
    assert mind_conversions(by=WORKER) == 0
    ConversionJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert mind_conversions(by=WORKER) == 1
    asked.refresh_from_db()
    assert (asked.state, asked.lost, asked.cause) == ("queued", 1, "Its worker w:1:2 was lost.")
    assert done(asked).state == "converted"


def test_the_message_is_sent_again_until_a_worker_comes(
    asked: ConversionJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker()
    monkeypatch.setattr(leases, "current_app", broker)
    mind_conversions(by=WORKER)
    ConversionJob.objects.update(published_at=timezone.now() - leases.TOLD - timedelta(seconds=1))
    mind_conversions(by=WORKER)
    mind_conversions(by=WORKER)
    assert broker.sent == [(str(asked.pk), "heavy")]


def test_a_conversion_is_as_it_was_before_each_move(asked: ConversionJob) -> None:
    times = [timezone.now()]
    leases.claim_conversion(by=WORKER, job_id=asked.pk, owner="w:1:2")
    times.append(timezone.now())
    give_back_conversions(by=WORKER, owner="w:1")
    times.append(timezone.now())
    done(asked, owner="w:2:2")
    times.append(timezone.now())
    seen = []
    for at in times:
        with reading(at):
            job = ConversionJob.objects.get()
            seen.append((job.state, job.fence, job.owner, job.lease_until is None, job.conversion_id is None))
    assert seen == [
        ("queued", 0, "", True, True),
        ("running", 1, "w:1:2", False, True),
        ("queued", 1, "w:1:2", True, True),
        ("converted", 2, "w:2:2", True, False),
    ]


def test_whoever_may_no_longer_store_gets_nothing(asked: ConversionJob, dora: Person, adam: Person) -> None:
    end_grant(by=adam, grant=dora.grants.get(), reason="she left the team")
    assert "Only those who register versions" in done(asked).cause
