"""Every flow stands on a page and in the API, or says why it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from governance import flows, flows_apart

SIDES = [(flows.pages, flows_apart.without_page), (flows.operations, flows_apart.without_operation)]


@pytest.mark.parametrize(("played", "reasons"), SIDES, ids=["page", "operation"])
def test_each_command_is_played_or_has_its_reason(
    played: Callable[[], flows.Found], reasons: Callable[[], dict[str, str]]
) -> None:
    found, apart = played(), reasons()
    assert [name for name in flows.names() if name not in found and name not in apart] == []
    assert [name for name in apart if name in found] == [], "it is played; take its reason away"
    assert set(apart) <= set(flows.names())


def test_what_a_view_calls_is_found_through_what_stands_between() -> None:
    pages, operations = flows.pages(), flows.operations()
    assert "/reviews/<uuid:approval_id>/sign" in pages["approvals.sign_off"]
    assert "POST /approvals/<uuid:approval_id>/sign" in operations["approvals.sign_off"]
    assert "/administration/webhooks/<uuid:endpoint_id>" in pages["notices.agree_endpoint"]
