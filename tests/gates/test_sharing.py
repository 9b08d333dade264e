from __future__ import annotations

import pytest

from apps.audit.errors import Forbidden
from apps.gates import commands, guards
from apps.gates.sharing import used_by
from tests.gates import rows
from tests.gates.test_quorum import CASES

pytestmark = pytest.mark.django_db
TEXT = """\
apiVersion: governance/v1
kind: Policy
metadata: {{id: {name}, version: {version}, title: The policy {name}, owner: model-risk-policy}}
effective: {{from: 2026-01-01, until: null}}
{extends}
applies_to: {{match: {match}}}
gates:
  - {{id: scan, title: The scan, check: security.artifact_scan, pass: {{max: 0}}}}
"""
ALL, RETAIL = "{model.domain: [credit]}", "{model.unit: [retail], model.domain: [credit]}"


def text(name: str, version: str = "1.0.0", match: str = ALL, parent: str = "") -> bytes:
    extends = f"extends: [{parent}]" if parent else ""
    return TEXT.format(name=name, version=version, match=match, extends=extends).encode()


@pytest.fixture(autouse=True)
def holding_cases(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "cases_hold", lambda policy, cases: len(cases))


@pytest.fixture
def authors(db: None):
    return rows.person("pat", "model-risk-policy"), rows.person("pia", "model-risk-policy")


@pytest.fixture
def unit_authors(db: None):
    rows.model(rows.person("omar", "owner"))
    found = rows.person("una"), rows.person("uwe")
    for person in found:
        rows.granted(person=person, role="model-risk-policy", scope="unit", scope_key="retail", reason="test")
    return found


def release(pair, data: bytes):
    return commands.release_policy(by=pair[1], proposed_by=pair[0], data=data, cases=CASES)


def resting(policy: str) -> list[tuple[str, str, bool]]:
    return [(f"{one.policy}@{one.version}", one.rests_on, one.behind) for one in used_by(policy)]


def test_a_child_keeps_the_very_version_it_was_released_against(authors) -> None:
    release(authors, text("base"))
    child = release(authors, text("child", parent="base@1"))
    digest = child.digest
    release(authors, text("base", "1.1.0").replace(b"max: 0}", b"max: 0}, severity: critical"))
    child.refresh_from_db()
    assert child.digest == digest
    assert child.document["resolved_from"][0]["version"] == "1.0.0"
    assert resting("base") == [("child@1.0.0", "1.0.0", True)]


def test_a_next_version_of_the_child_rests_on_the_newest(authors) -> None:
    release(authors, text("base"))
    release(authors, text("child", parent="base@1"))
    release(authors, text("base", "1.1.0").replace(b"max: 0}", b"max: 0}, severity: critical"))
    release(authors, text("child", "1.1.0", parent="base@1"))
    assert resting("base") == [("child@1.1.0", "1.1.0", False)]


def test_an_offer_lists_who_would_be_on_the_old_one(authors) -> None:
    release(authors, text("base"))
    release(authors, text("child", parent="base@1"))
    data = text("base", "1.1.0").replace(b"max: 0}", b"max: 0}, severity: critical")
    [line] = commands.propose_policy(by=authors[0], data=data, cases=CASES).shown["used_by"]
    assert (line["policy"], line["rests_on"], line["newest"], line["behind"]) == (
        "child",
        "1.0.0",
        "1.1.0",
        True,
    )


def test_a_unit_publishes_what_is_confined_to_it(unit_authors) -> None:
    assert release(unit_authors, text("cards", match=RETAIL)).policy == "cards"


@pytest.mark.parametrize(
    "match",
    [
        ALL,
        "{model.unit: [retail, markets]}",
        "{model.unit: {ne: retail}}",
        "{model.unit: {none_of: [retail]}}",
    ],
)
def test_a_unit_publishes_nothing_that_reaches_beyond_it(unit_authors, match: str) -> None:
    with pytest.raises(Forbidden, match="does not hold the role model-risk-policy"):
        release(unit_authors, text("cards", match=match))


def test_a_unit_cannot_draw_a_policy_of_all_into_its_own_four_walls(authors, unit_authors) -> None:
    release(authors, text("base"))
    with pytest.raises(Forbidden, match="does not hold"):
        release(unit_authors, text("base", "2.0.0", match=RETAIL))


def test_another_unit_extends_it_with_the_version_pinned(unit_authors, authors) -> None:
    release(unit_authors, text("cards", match=RETAIL))
    data = text("loans", match="{model.unit: [markets]}", parent="cards@1")
    assert release(authors, data).document["resolved_from"][0]["id"] == "cards"
    assert resting("cards") == [("loans@1.0.0", "1.0.0", False)]


def test_a_developer_of_the_unit_publishes_nothing(unit_authors) -> None:
    dora = rows.person("dora", "developer")
    with pytest.raises(Forbidden, match="Policy author"):
        commands.propose_policy(by=dora, data=text("cards", match=RETAIL), cases=CASES)
