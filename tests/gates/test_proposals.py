from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event, Statement
from apps.engine.canonical import digest
from apps.gates import commands, queries
from apps.gates.models import PolicyProposal, PolicyRelease
from apps.gates.policy_files import policy_folders
from tests.gates import rows

pytestmark = pytest.mark.django_db
SHIPPED = Path(__file__).resolve().parents[2] / "policies"
BASE = next(f for f in policy_folders(SHIPPED) if f.id == "baseline-all")


@pytest.fixture
def pat(db: None):
    return rows.person("pat", "model-risk-policy")


@pytest.fixture
def pia(db: None):
    return rows.person("pia", "model-risk-policy")


def propose(by, data: bytes = BASE.data, **changes) -> PolicyProposal:
    return commands.propose_policy(by=by, data=data, cases=changes.pop("cases", BASE.cases), **changes)


def renumbered(version: str, data: bytes = BASE.data) -> bytes:
    old = b"version: 2.0.0"
    assert old in data
    return data.replace(old, f"version: {version}".encode())


def test_a_proposal_is_sealed_with_what_was_shown(pat) -> None:
    found = propose(pat, note="First text")
    said = json.loads(bytes(Statement.objects.get(pk=found.statement_digest).payload))["predicate"]
    assert said["text"] == digest(BASE.data)
    assert said["shown"]["cases"] > 10
    assert said["shown"]["weakenings"] > 3
    assert said["shown"]["impact"]["kind"] == "PolicyImpact"
    assert Event.objects.filter(action="policy.proposed", actor_id=str(pat.pk)).count() == 1
    assert list(queries.open_proposals()) == [found]


def test_a_second_person_releases_exactly_what_was_proposed(pat, pia) -> None:
    offered = propose(pat)
    row = commands.release_proposal(by=pia, proposal=offered)
    assert (row.digest, bytes(row.text), row.proposal) == (offered.digest, BASE.data, offered)
    said = json.loads(bytes(Statement.objects.get(pk=row.statement_digest).payload))["predicate"]
    assert said["proposal"] == offered.statement_digest
    assert not queries.open_proposals().exists()


def test_whoever_proposed_cannot_release_it(pat) -> None:
    offered = propose(pat)
    with pytest.raises(Forbidden, match="by a second person"):
        commands.release_proposal(by=pat, proposal=offered)
    assert not PolicyRelease.objects.exists()


def test_a_developer_can_neither_propose_nor_release(pat) -> None:
    dora = rows.person("dora", "developer")
    with pytest.raises(Forbidden, match="Policy author"):
        propose(dora)
    with pytest.raises(Forbidden, match="Policy author"):
        commands.release_proposal(by=dora, proposal=propose(pat))


def test_a_policy_whose_cases_do_not_notice_a_weakening_is_not_offered(pat) -> None:
    with pytest.raises(Refused, match="not covered by its cases"):
        propose(pat, cases={})
    assert not PolicyProposal.objects.exists()


def test_a_proposal_says_in_words_what_changes(pat, pia) -> None:
    commands.release_proposal(by=pia, proposal=propose(pat))
    title = BASE.data.split(b"title: ")[1].split(b"\n")[0]
    text = renumbered("2.0.1").replace(b"title: " + title, b"title: Another title", 1)
    second = propose(pat, text)
    assert second.shown["replaces"] == "baseline-all@2.0.0"
    assert any("Another title" in change for change in second.shown["changes"])


def test_a_patch_that_changes_a_bound_is_refused(pat, pia) -> None:
    commands.release_proposal(by=pia, proposal=propose(pat))
    text = renumbered("2.0.1").replace(b"max_age: P30D", b"max_age: P20D")
    changed = text if text != renumbered("2.0.1") else text.replace(b"approval: P365D", b"approval: P300D")
    assert changed != renumbered("2.0.1")
    with pytest.raises(Refused, match="is a patch, which is for text only"):
        propose(pat, changed)


def test_a_version_that_does_not_come_after_the_newest_is_refused(pat, pia) -> None:
    commands.release_proposal(by=pia, proposal=propose(pat))
    with pytest.raises(Refused, match="does not come after"):
        propose(pat, renumbered("1.9.0"))


def test_a_broken_text_leaves_nothing(pat) -> None:
    with pytest.raises(Invalid, match="line"):
        propose(pat, b"apiVersion: governance/v1\nkind: [")
    assert not PolicyProposal.objects.exists()
    assert not Event.objects.filter(action="policy.proposed").exists()


def forged(offered: PolicyProposal, **changes: object) -> PolicyProposal:
    """A row as raw SQL of the service's own role would write it: nobody signed what it says."""
    row = PolicyProposal.objects.get(pk=offered.pk)
    row.pk, row._state.adding = uuid4(), True
    for name, value in {"statement_digest": f"sha256:{row.pk.hex * 2}", **changes}.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


def test_a_proposal_that_nobody_sealed_is_not_released(pat, pia) -> None:
    """Else one person with the database could put another's name under a text and release it alone."""
    offered = propose(pat)
    with pytest.raises(Refused, match="no genuine statement"):
        commands.release_proposal(by=pia, proposal=forged(offered))
    assert not PolicyRelease.objects.exists()


@pytest.mark.parametrize("part", ["proposed_by", "text", "shown", "note"])
def test_a_proposal_must_say_what_its_statement_says(pat, pia, part: str) -> None:
    offered = propose(pat, note="First text")
    other = {
        "proposed_by": rows.person("paul", "model-risk-policy"),
        "text": BASE.data + b"# more\n",
        "shown": {**offered.shown, "changes": ["nothing"]},
        "note": "Harmless",
    }
    setattr(offered, part, other[part])
    with pytest.raises(Refused, match="no genuine statement"):
        commands.release_proposal(by=pia, proposal=offered)
    assert not PolicyRelease.objects.exists()


def test_a_number_that_no_law_sets_is_not_proposed_as_the_laws(pat) -> None:
    said = BASE.data.replace(b"source: firm", b"source: law", 1)
    assert said != BASE.data
    with pytest.raises(Invalid, match="source law needs a control whose number is of that source"):
        propose(pat, renumbered("2.1.0", said))
    assert not PolicyProposal.objects.exists()
