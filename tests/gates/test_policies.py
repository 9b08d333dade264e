from __future__ import annotations

import json
from pathlib import Path

import pytest

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event, Statement
from apps.engine.canonical import digest
from apps.gates import commands, queries
from apps.gates.models import PolicyRelease
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


def release(by, proposed_by, data: bytes = BASE.data, cases: dict[str, bytes] | None = None) -> PolicyRelease:
    cases = BASE.cases if cases is None else cases
    return commands.release_policy(by=by, proposed_by=proposed_by, data=data, cases=cases, name="policy.yaml")


def test_the_shipped_policies_can_be_released(pat, pia) -> None:
    found = commands.sync_policies(by=pia, proposed_by=pat, folder=SHIPPED)
    assert {r.policy for r in found} >= {"baseline-all", "credit-tier1"}
    assert not {r.policy for r in found} & {f.id for f in policy_folders(SHIPPED) if f.regulation}
    assert [r.policy for r in found].index("baseline-all") < [r.policy for r in found].index("credit-tier1")
    for row in found:
        assert queries.policy_of(row).digest == row.digest


def test_releasing_the_same_bytes_again_changes_nothing(pat, pia) -> None:
    first = commands.sync_policies(by=pia, proposed_by=pat, folder=SHIPPED, names=["general-tier2"])
    assert [r.policy for r in first] == ["baseline-all", "general-tier2"]
    events = Event.objects.count()
    assert commands.sync_policies(by=pia, proposed_by=pat, folder=SHIPPED, names=["general-tier2"]) == first
    assert Event.objects.count() == events


def test_a_release_is_sealed(pat, pia) -> None:
    row = release(pia, pat)
    said = json.loads(bytes(Statement.objects.get(pk=row.statement_digest).payload))
    assert said["subject"][0]["digest"]["sha256"] == row.digest.removeprefix("sha256:")
    assert said["predicate"]["text"] == digest(BASE.data)
    assert said["predicate"]["proposedBy"], said["predicate"]["releasedBy"] == (str(pat.pk), str(pia.pk))
    assert Event.objects.filter(action="policy.released", actor_id=str(pia.pk)).count() == 1


def test_a_released_version_never_changes(pat, pia) -> None:
    row = release(pia, pat)
    with pytest.raises(Refused, match="is released with other bytes") as refused:
        release(pia, pat, BASE.data + b"# another word\n")
    assert refused.value.code == "released_differently"
    assert PolicyRelease.objects.get() == row


def test_one_person_is_not_enough(pat, db) -> None:
    twin = rows.person("pat2", "model-risk-policy", identity="pat")
    for second in (pat, twin):
        with pytest.raises(Forbidden, match="by a second person"):
            release(second, pat)
    assert not PolicyRelease.objects.exists()


def test_both_must_hold_the_right_role(pat, db) -> None:
    with pytest.raises(Forbidden, match="Policy author"):
        release(rows.person("dora", "developer"), pat)
    with pytest.raises(Forbidden, match="Policy author"):
        release(pat, rows.person("dan", "developer"))


def test_a_service_account_releases_nothing(pat, db) -> None:
    robot = rows.person("robot", "model-risk-policy", is_service=True)
    with pytest.raises(Forbidden, match="A service account cannot release a policy"):
        release(robot, pat)


def test_a_wrong_field_is_named_with_its_place(pat, pia) -> None:
    with pytest.raises(Invalid, match=r"policy.yaml, line \d+, column \d+: .*Did you mean"):
        release(pia, pat, BASE.data.replace(b"\ngates:", b"\ngate:"))


def test_without_cases_nothing_is_released(pat, pia) -> None:
    with pytest.raises(Refused, match='has no case under "passes"'):
        release(pia, pat, cases={})


def test_a_case_that_fails_is_named(pat, pia) -> None:
    wrong = {
        name: text.replace(b"policy: baseline-all", b"policy: another") for name, text in BASE.cases.items()
    }
    with pytest.raises(Invalid, match='These are cases of "another"'):
        release(pia, pat, cases=wrong)
    looser = BASE.data.replace(b"enforcement: mandatory", b"enforcement: advisory")
    assert looser != BASE.data
    with pytest.raises(Refused, match=r"the case “.*” fails: "):
        release(pia, pat, looser)


def test_what_it_extends_must_be_released_first(pat, pia) -> None:
    child = next(
        f for f in policy_folders(SHIPPED) if "baseline-all@2" in f.data.decode() and f.id != "baseline-all"
    )
    with pytest.raises(Invalid, match='There is no policy "baseline-all" to extend'):
        release(pia, pat, child.data, child.cases)


def test_a_folder_that_is_not_there_is_refused(pat, pia, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is no folder of policies"):
        commands.sync_policies(by=pia, proposed_by=pat, folder=tmp_path / "none")


def test_a_changed_document_is_noticed(pat, pia) -> None:
    row = release(pia, pat)
    row.document = {**row.document, "on_missing": "pending"}
    with pytest.raises(Refused, match="is not the one released"):
        queries.policy_of(row)


def test_a_broken_file_keeps_none_of_the_others_from_being_released(pat, pia, tmp_path: Path) -> None:
    for name, data in (("a-broken", b"a: *b\n"), ("baseline-all", BASE.data)):
        (tmp_path / name / "cases").mkdir(parents=True)
        (tmp_path / name / "policy.yaml").write_bytes(data)
    (tmp_path / "baseline-all" / "cases" / "gates.yaml").write_bytes(BASE.cases["gates.yaml"])
    with pytest.raises(Refused, match=r"1 policies are released, 1 are not\. a-broken/policy.yaml, line 1"):
        commands.sync_policies(by=pia, proposed_by=pat, folder=tmp_path)
    assert [row.policy for row in PolicyRelease.objects.all()] == ["baseline-all"]


def test_two_policies_of_one_id_in_a_folder_are_both_named(pat, pia, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").write_bytes(BASE.data)
    with pytest.raises(
        Invalid, match=r"b/policy.yaml, line 5, column 7: a/policy.yaml has the id baseline-all"
    ):
        commands.sync_policies(by=pia, proposed_by=pat, folder=tmp_path)
    assert not PolicyRelease.objects.exists()


def test_an_unknown_name_is_refused_with_those_that_there_are(pat, pia) -> None:
    with pytest.raises(Invalid, match="holds no policy us-sr26; it holds"):
        commands.sync_policies(by=pia, proposed_by=pat, folder=SHIPPED, names=["us-sr26"])
