from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.access.models import RoleGrant
from apps.audit.models import Event
from apps.costs.models import Rate
from apps.deploys.queries import environments
from apps.gates.models import PolicyProposal
from apps.inventory.models import BusinessUnit
from tests import factories

pytestmark = pytest.mark.django_db
Apply = Callable[..., str]
EXAMPLE = Path(__file__).resolve().parents[2] / "docs/guides/bank"
ACTING = ("--as", "admin", "--as", "head", "--as", "pat")
HEAD = "apiVersion: governance/v1\nkind: Declarations\n"


@pytest.fixture
def apply(monkeypatch: pytest.MonkeyPatch) -> Apply:
    """Passwords are piped in, one a line; the answer is what was printed."""

    def call(*words: object, people: int = 3, password: str = factories.PASSWORD) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n" * people))
        out = io.StringIO()
        call_command("apply", *map(str, words), stdout=out)
        return out.getvalue()

    return call


@pytest.fixture
def people(db: None) -> None:
    for name in ("vera", "rob", "ruth"):
        factories.person(name)
    factories.head(), factories.person("pat", "model-risk-policy")


def declarations(folder: Path, text: str) -> Path:
    path = folder / "bank.yaml"
    path.write_text(HEAD + text)
    return path


def test_the_example_of_the_guide_is_applied(apply: Apply, people: None) -> None:
    said = apply(EXAMPLE, *ACTING)
    assert "create  the unit retail" in said
    assert said.endswith("Done: 9 of 9.\n")
    assert set(BusinessUnit.objects.values_list("key", flat=True)) >= {"retail", "markets"}
    assert [place.key for place in environments()] == ["production", "staging"]
    assert RoleGrant.objects.get(person__username="ruth").scope_key == "retail"
    assert Rate.objects.get(hardware="cpu").set_by.username == "admin"
    assert PolicyProposal.objects.get().proposed_by.username == "pat"


def test_a_second_apply_changes_nothing_and_asks_nobody(apply: Apply, people: None) -> None:
    apply(EXAMPLE, *ACTING)
    events = Event.objects.count()
    said = apply(EXAMPLE, people=0)
    assert said.endswith("Nothing to do.\n")
    assert "waits for a second person" in said
    assert {line.split()[0] for line in said.splitlines()[:-1]} == {"none"}
    assert Event.objects.count() == events


def test_a_plan_says_what_would_be_done_and_does_nothing(apply: Apply, people: None) -> None:
    events = Event.objects.count()
    with pytest.raises(SystemExit) as ended:
        apply(EXAMPLE, "--plan")
    assert ended.value.code == 2
    assert Event.objects.count() == events
    apply(EXAMPLE, *ACTING)
    assert apply(EXAMPLE, "--plan").endswith("Nothing to do.\n")


def test_a_changed_end_of_a_role_takes_the_place_of_the_old_one(
    apply: Apply, people: None, tmp_path: Path
) -> None:
    role = "roles: [{{person: rob, role: validator, until: {}, reason: Cover}}]\n"
    apply(declarations(tmp_path, role.format("2098-01-01")), *ACTING)
    said = apply(declarations(tmp_path, role.format("2099-01-01")), *ACTING)
    assert said.startswith("change  rob is Validator for the whole organisation until 2099-01-01")
    ends = RoleGrant.objects.filter(person__username="rob").values_list("valid_to__year", flat=True)
    assert sorted(ends)[-1] == 2099
    assert "2098" not in map(str, ends)


def test_a_role_is_ended_by_saying_so(apply: Apply, people: None, tmp_path: Path) -> None:
    apply(EXAMPLE, *ACTING)
    path = declarations(tmp_path, "roles: [{person: rob, role: risk-officer, state: ended, reason: Left}]\n")
    assert "change  rob is no longer Risk officer" in apply(path, *ACTING)
    assert "Nothing to do." in apply(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("roles: [{person: rob, rolle: validator}]", 'line 3, column 23: roles[0] has no field "rolle"'),
        ("roles: [{person: nobody, role: validator, reason: x}]", "line 3, column 9: There is no person"),
        ("units: [{key: a, title: A}, {key: a, title: B}]", "units[1] declares the same as one before"),
        ("roles: [{person: rob, role: validator, scope: unit, reason: x}]", 'needs the field "key"'),
        ("rates: [{hardware: abacus, per_second: 1}]", '"abacus" is no hardware class'),
        ("schedules: [{version: x, use: y, dataset: z, every_days: 1}]", "such as credit-pd@3"),
        ("units: [{key: a, title: A}]\nunits: []", "a second time"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(
    apply: Apply, people: None, tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(CommandError) as refused:
        apply(declarations(tmp_path, text), *ACTING)
    assert sentence in str(refused.value)
    assert "bank.yaml, line " in str(refused.value)


def test_a_file_is_applied_whole_or_not_at_all(apply: Apply, people: None, tmp_path: Path) -> None:
    """The last line is refused by its command: nobody both builds and approves."""
    factories.person("ruth", "developer")
    text = "units: [{key: new, title: New}]\nroles: [{person: ruth, role: validator, reason: x}]\n"
    events = Event.objects.filter(action="unit.declared").count()
    with pytest.raises(CommandError, match=r"line 4, column 9: .*nobody both builds and approves"):
        apply(declarations(tmp_path, text), *ACTING)
    assert not BusinessUnit.objects.filter(key="new").exists()
    assert Event.objects.filter(action="unit.declared").count() == events


def test_who_may_not_is_refused(apply: Apply, people: None, tmp_path: Path) -> None:
    path = declarations(tmp_path, "units: [{key: new, title: New}]\n")
    with pytest.raises(CommandError, match="Only the role Administrator may do this"):
        apply(path, "--as", "pat")
    with pytest.raises(CommandError, match="do not belong together"):
        apply(path, "--as", "admin", password="wrong")
    with pytest.raises(CommandError, match="Say who does it"):
        apply(path)


def test_a_released_policy_with_other_bytes_is_refused(apply: Apply, people: None, tmp_path: Path) -> None:
    from apps.gates import commands as gates

    shutil.copytree(EXAMPLE, tmp_path / "bank")
    apply(tmp_path / "bank", *ACTING)
    factories.person("ruth-b", "risk-officer")
    gates.release_proposal(
        by=factories.person("pia", "model-risk-policy"), proposal=PolicyProposal.objects.get()
    )
    assert "retail-cards@1.0.0 is released" in apply(tmp_path / "bank")
    policy = tmp_path / "bank/policies/retail-cards/policy.yaml"
    policy.write_text(policy.read_text().replace("0.70", "0.60"))
    with pytest.raises(CommandError, match=r"policy.yaml, line 1, .*is released with other bytes"):
        apply(tmp_path / "bank", *ACTING)
