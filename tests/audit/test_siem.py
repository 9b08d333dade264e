from __future__ import annotations

import io
import json
import re

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.audit.events import EventName
from apps.audit.siem import ocsf, syslog_line

DOC = {
    "v": 2,
    "id": "018f0000-0000-7000-8000-000000000001",
    "ts": "2026-03-01T12:00:00.123456Z",
    "action": "model.registered",
    "actor": {"type": "person", "id": "7"},
    "object": {"type": "model", "id": "1", "name": "credit-pd"},
    "request_id": "r-1",
}
LINE = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) countersign ([!-~]{1,128}) "
    rb"([!-~]{1,32}) (\[countersign@32473( [a-z]+=\"(\\[\\\"\]]|[^\\\"\]])*\")+\]) \xef\xbb\xbf(.*)"
)


@pytest.mark.parametrize("action", EventName)
def test_every_event_has_a_class_an_activity_and_a_type_that_agree(action: str) -> None:
    told = ocsf({**DOC, "action": str(action)})
    assert told["type_uid"] == told["class_uid"] * 100 + told["activity_id"]
    assert told["metadata"]["event_code"] == action
    assert told["unmapped"]["id"] == DOC["id"]


@pytest.mark.parametrize(
    ("action", "class_uid", "status"),
    [
        ("session.refused", 3002, "Failure"),
        ("role.granted", 3005, "Success"),
        ("person.created", 3001, "Success"),
        ("approval.granted", 3004, "Success"),
        ("waiver.refused", 3004, "Failure"),
    ],
)
def test_what_monitoring_looks_for_is_found(action: str, class_uid: int, status: str) -> None:
    told = ocsf({**DOC, "action": action})
    assert (told["class_uid"], told["status"]) == (class_uid, status)


def test_a_line_has_the_form_of_rfc_5424() -> None:
    found = LINE.fullmatch(syslog_line(DOC, host="bank.example", process="42"))
    assert found is not None
    assert int(found[1]) == 13 * 8 + 6
    assert json.loads(found[9])["metadata"]["uid"] == DOC["id"]


@pytest.mark.parametrize("evil", ["a\nb", 'x" y="z', "a]b", "\x1b[31mred", "\\", "é\u2028", "<0>1 forged"])
def test_nothing_in_a_name_breaks_out_of_its_line(evil: str) -> None:
    doc = {
        **DOC,
        "object": {"type": "model", "id": evil, "name": evil},
        "actor": {"type": "person", "id": evil},
    }
    line = syslog_line(doc, host=evil)
    assert LINE.fullmatch(line) is not None, line
    assert not {b"\n"[0], b"\x1b"[0]} & set(line)


def test_events_are_written_oldest_first_since_a_time(log) -> None:
    def lines(*words: str) -> list[str]:
        out = io.StringIO()
        call_command("export_events", *words, stdout=out)
        return out.getvalue().splitlines()

    told = [json.loads(line) for line in lines("--format", "jsonl")]
    assert [t["ts"] for t in told] == sorted(t["ts"] for t in told)
    assert [json.loads(line)["metadata"]["uid"] for line in lines()] == [t["id"] for t in told]
    assert len(lines("--since", told[4]["ts"])) == len(told) - 4
    with pytest.raises(CommandError, match="expected a time like"):
        lines("--since", "yesterday")
