from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apps.access.models import RoleGrant
from apps.audit.errors import Refused
from apps.engine.policy import Policy, Step, read_policy
from apps.gates import commands, guards
from apps.gates.clock import database_now
from apps.gates.queries import policy_of
from apps.gates.quorum import Signers, authors_of, blocked_by, short_for, short_of
from apps.inventory.models import Contribution, RegisteredModel
from tests.gates import rows

pytestmark = pytest.mark.django_db
TEXT = """\
apiVersion: governance/v1
kind: Policy
metadata: {{id: people, version: {version}, title: People, owner: model-risk-policy}}
effective: {{from: {start}, until: null}}
applies_to: {{match: {{model.domain: [credit]}}}}
gates:
  - {{id: scan, title: The scan, check: security.artifact_scan, pass: {{max: 0}}}}
approvals:
  steps:
    - {{id: validation, role: validator, quorum: 1}}
    - {{id: risk, role: risk-officer, quorum: {risk}, after: [validation]}}
"""
CASES = {
    "all.yaml": b"""\
policy: people
cases:
  - {name: clean, given: {measurements: all-pass}, expect: {outcome: pass}}
"""
}


def text(risk: int = 1, version: str = "1.0.0", start: str = "2026-01-01") -> bytes:
    return TEXT.format(risk=risk, version=version, start=start).encode()


def policy(risk: int = 1, **changes: str) -> Policy:
    return read_policy(text(risk, **changes), name="policy.yaml")


@pytest.fixture
def model(db: None) -> RegisteredModel:
    """A model with one version and one use, and one person for each of the two steps."""
    made = rows.version(rows.person("omar", "owner"))
    rows.use(made.model)
    rows.person("vera", "validator")
    rows.person("rob", "risk-officer")
    return made.model


def ended(role: str) -> None:
    RoleGrant.objects.filter(role=role).update(valid_to=database_now())


def blocked(risk: int, **changes: str) -> list[tuple[str, bool, list[str]]]:
    found = blocked_by(policy(risk, **changes), database_now())
    return [(one.sentence, one.newly, one.models) for one in found]


def test_a_quorum_that_is_there_blocks_nothing(model) -> None:
    assert blocked(1) == []


def test_a_quorum_that_is_not_there_names_step_number_and_who_is_left(model) -> None:
    sentence = "The step risk wants 2 of the role risk-officer; after separation of duties 1 is left: rob."
    assert blocked(2) == [(sentence, True, [model.key])]


def test_two_accounts_of_one_human_are_one(model) -> None:
    rows.person("rob-admin", "risk-officer", identity="rob")
    assert "1 is left: rob" in blocked(2)[0][0]


def test_whoever_built_or_owns_the_model_does_not_count(model) -> None:
    ruth = rows.person("ruth", "risk-officer")
    assert blocked(2) == []
    Contribution.objects.create(version=model.versions.get(), person=ruth, part="developer")
    assert "1 is left: rob" in blocked(2)[0][0]


@pytest.mark.parametrize("scope", [("unit", "retail"), ("unit", "markets"), ("model", "credit-x")])
def test_a_role_counts_where_it_reaches(model, scope: tuple[str, str]) -> None:
    ruth = rows.person("ruth")
    rows.granted(person=ruth, role="risk-officer", scope=scope[0], scope_key=scope[1], reason="test")
    assert (blocked(2) == []) == (scope == ("unit", "retail"))


def test_one_person_in_two_roles_fills_one_step_only(model) -> None:
    ended("validator")
    rows.granted(person=rows.person("rob2", identity="rob"), role="validator", reason="test")
    assert blocked(1)[0][0] == (
        "The steps validation (1 of validator) and risk (1 of risk-officer) want 2 different people; "
        "after separation of duties 1 is left: rob."
    )


def test_a_role_that_begins_later_counts_from_the_day_the_policy_does(model) -> None:
    ruth = rows.person("ruth")
    day = datetime(2100, 1, 1, tzinfo=UTC)
    rows.granted(person=ruth, role="risk-officer", valid_from=day, reason="test")
    assert blocked(2, start="2099-12-31")[0][1]
    assert blocked(2, start="2100-01-01") == []


def test_a_role_that_ends_before_the_policy_begins_does_not_count(model) -> None:
    ends = database_now() + timedelta(days=2)
    RoleGrant.objects.filter(person__username="rob").update(valid_to=ends)
    assert blocked(1) == []
    assert "nobody is left" in blocked(1, start=f"{ends + timedelta(days=1):%Y-%m-%d}")[0][0]


def test_a_service_or_closed_account_does_not_count(model) -> None:
    rows.person("robot", "risk-officer", is_service=True)
    rows.person("gone", "risk-officer", is_active=False)
    assert "1 is left: rob" in blocked(2)[0][0]


def test_without_models_the_organisation_is_told_of(db) -> None:
    assert blocked(1)[0][1:] == (False, [])
    assert "nobody is left" in blocked(1)[0][0]


def test_the_submitter_is_kept_apart_too(model) -> None:
    steps = [Step(id="risk", role="risk-officer")]
    assert short_for(model, steps, apart=frozenset({"dora"}), at=database_now()) == ""
    assert "nobody is left" in short_for(model, steps, apart=frozenset({"rob"}), at=database_now())


def test_authors_are_kept_apart_where_the_policy_says_so(model) -> None:
    apart = "  separation_of_duties: [{rule: approver_not, of: [policy.author]}]\n  steps:"
    asks = read_policy(text().replace(b"  steps:", apart.encode()), name="policy.yaml")
    assert blocked_by(asks, database_now(), ("pat",)) == []
    assert "nobody is left" in blocked_by(asks, database_now(), ("pat", "rob"))[0].sentence
    assert blocked_by(policy(), database_now(), ("pat", "rob")) == []
    release = rows.release(rows.person("pat"), rows.person("rob-2", identity="rob"), text())
    assert authors_of([policy_of(release)]) == frozenset()


def test_a_step_of_the_head_can_be_signed(model) -> None:
    rows.person("hana", "head-of-model-risk")
    step = Step(id="head", role="head-of-model-risk")
    assert short_of([step], Signers(database_now()), model=model, apart=()) == ""


@pytest.fixture
def authors(model):
    return rows.person("pat", "model-risk-policy"), rows.person("pia", "model-risk-policy")


@pytest.fixture
def proposal(authors, monkeypatch: pytest.MonkeyPatch):
    """An offer that asks for one risk officer more than there is."""
    monkeypatch.setattr(guards, "cases_hold", lambda policy, cases: len(cases))
    return commands.propose_policy(by=authors[0], data=text(2), cases=CASES)


def test_the_offer_says_whom_it_would_block(model, proposal) -> None:
    [line] = proposal.shown["quorum"]
    assert (line["models"], line["count"], line["newly"]) == ([model.key], 1, True)


def test_what_would_leave_a_model_without_reviewers_is_not_released(model, authors, proposal) -> None:
    with pytest.raises(Refused, match=f"would leave {model.key} with nobody to approve it. The step risk"):
        commands.release_proposal(by=authors[1], proposal=proposal)


def test_it_is_released_once_the_people_are_there(authors, proposal) -> None:
    rows.person("ruth", "risk-officer")
    assert commands.release_proposal(by=authors[1], proposal=proposal).version == "1.0.0"


def test_a_model_that_nobody_could_approve_before_is_no_reason_to_refuse(authors, proposal) -> None:
    ended("risk-officer")
    assert not blocked(2)[0][1]
    assert commands.release_proposal(by=authors[1], proposal=proposal).version == "1.0.0"


def test_its_queries_do_not_grow_with_models(model, django_assert_max_num_queries) -> None:
    for number in range(4):
        rows.use(rows.version(model.owner, of=rows.model(model.owner, f"m-{number}")).model)
    with django_assert_max_num_queries(9):
        assert len(blocked(2)[0][2]) == 5


def test_the_page_of_the_offer_shows_the_sentence_that_refuses(model, authors, proposal, client) -> None:
    client.force_login(authors[1])
    page = client.get(f"/policies/proposals/{proposal.pk}").content.decode()
    assert "1 model could no longer be approved" in page
    assert f"would leave {model.key} with nobody to approve it" in page
