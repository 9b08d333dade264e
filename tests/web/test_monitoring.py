"""Monitoring by the calendar, set and ended on its page and over the API."""

from __future__ import annotations

from apps.gates.models import Schedule
from tests.api.asking import Asker
from tests.standing import Standing
from tests.web.browsing import Browser, plain

HERE = "/models/credit-pd/monitoring"


def test_a_schedule_is_set_shown_and_ended_on_its_page(world: Standing) -> None:
    browser = Browser(world.people["validator"])
    given = {"version": "1", "use": world.granted.use.key, "dataset": "production", "every_days": "7"}
    assert "measured on production every 7 days" in browser.send(HERE, on=HERE, **given)
    assert "already monitored" in browser.send(HERE, on=HERE, **given)
    assert "is no number of days" in browser.send(HERE, on=HERE, **{**given, "every_days": "often"})
    row = Schedule.objects.get()
    told = plain(browser.send(f"{HERE}/{row.pk}/end", on=HERE, reason="It is retired soon."))
    assert "is measured on production no more" in told
    assert "ended" in told


def test_who_requests_no_runs_reads_the_page_and_is_told_why(world: Standing) -> None:
    told = plain(Browser(world.people["auditor"]).get(HERE))
    assert "Only the role" in told
    assert "Set the schedule" not in told


def test_programs_set_list_and_end_them(world: Standing) -> None:
    asker = Asker(world.tokens["developer"])
    place = "/models/credit-pd/schedules"
    given = {"version": "1", "dataset": "production", "every_days": 30}
    made = asker.post(place, given)
    assert (made.status_code, asker.post(place, given).status_code) == (201, 409)
    assert asker.post(place, {**given, "dataset": "nowhere"}).json()["field"] == "dataset"
    (listed,) = asker.get(place).json()["schedules"]
    assert (listed["every_days"], listed["ended_at"]) == (30, None)
    ended = asker.post(f"{place}/{listed['id']}/end", {"reason": "for a test"})
    assert ended.json()["ended_at"]
    assert asker.post(f"{place}/{2**63}/end", {"reason": "x"}).status_code == 404
