from __future__ import annotations

import json
import logging
import re

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from governance.logs import JsonFormatter, request_id
from governance.middleware import request_log, security_headers


def _answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def _logged(caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    (record,) = caplog.records
    return json.loads(JsonFormatter().format(record))


def test_no_inline_code_no_framing_nothing_from_elsewhere(rf: RequestFactory):
    policy = security_headers(_answer)(rf.get("/")).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "img-src 'self' data:" in policy
    assert not re.search(r"unsafe-|\*|https?:", policy)


def test_a_request_gets_an_id_which_ends_with_it(rf: RequestFactory):
    seen: list[str] = []

    def handle(request: HttpRequest) -> HttpResponse:
        seen.append(request_id.get())
        return HttpResponse()

    response = request_log(handle)(rf.get("/"))
    assert seen == [response.headers["X-Request-ID"]]
    assert re.fullmatch(r"[0-9a-f]{32}", seen[0])
    assert request_id.get() == ""


@pytest.mark.parametrize(
    ("offered", "kept"), [("from-caller.1", True), ("short", False), ("a b c d e f", False)]
)
def test_a_callers_id_is_kept_when_it_is_well_formed(rf: RequestFactory, offered: str, kept: bool):
    response = request_log(_answer)(rf.get("/", headers={"X-Request-ID": offered}))
    assert (response.headers["X-Request-ID"] == offered) is kept


def test_one_line_without_query_headers_or_body(rf: RequestFactory, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "countersign.request")
    request = rf.get(
        "/models?token=hidden", headers={"Authorization": "Bearer hidden", "X-Request-ID": "12345678"}
    )
    request_log(_answer)(request)
    line = _logged(caplog)
    assert (line["request_path"], line["status"], line["message"]) == ("/models", 200, "answered")
    assert "hidden" not in json.dumps(line)


def test_a_traceback_is_in_the_line(caplog: pytest.LogCaptureFixture):
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("countersign.test").exception("failed")
    assert "ValueError: why" in str(_logged(caplog)["traceback"])
