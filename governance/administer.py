"""What an installation needs before its first model, done in the name of a person who gives the password."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.utils.timezone import now

from apps.access import commands as access
from apps.access.models import Person
from apps.access.queries import factors_of, find_person
from apps.access.states import ROLES, Permission, Scope
from apps.audit.states import system
from apps.deploys import commands as deploys
from apps.gates import commands as gates
from apps.inventory import commands as inventory
from apps.reports.supersession import superseded

Ask = Callable[[str], str]
Work = Callable[[Namespace, Ask], str]


def add_arguments(parser: ArgumentParser) -> None:
    """The words and what each takes."""
    words = parser.add_subparsers(dest="word", metavar="WORD", required=True)
    first = words.add_parser("first", help="make the first administrator of an empty installation")
    person = words.add_parser("person", help="make a person, or with --service a service account")
    person.add_argument("--service", action="store_true")
    role = words.add_parser("role", help="give a role")
    role.add_argument("role", choices=sorted(ROLES))
    role.add_argument("--scope", choices=[str(scope) for scope in Scope], default=str(Scope.ORGANISATION))
    role.add_argument("--key", default="", help="the business unit or model that the scope names")
    role.add_argument("--reason", required=True)
    token = words.add_parser("token", help="issue a token; it is printed once, here")
    token.add_argument("--carry", action="append", required=True, choices=[str(p) for p in Permission])
    token.add_argument("--days", type=int, default=90)
    lost = words.add_parser("lost", help="remove the second factors of somebody who lost them; sessions end")
    lost.add_argument("--reason", required=True)
    for one in (first, person, role, token, lost):
        one.add_argument("username", help="whom it is about")
    unit = words.add_parser("unit", help="declare a business unit")
    environment = words.add_parser("environment", help="declare an environment")
    for one in (unit, environment):
        one.add_argument("key")
        one.add_argument("--title", required=True)
    policies = words.add_parser("policies", help="release the policies of a folder, by two people")
    policies.add_argument(
        "--name", dest="names", action="append", default=[], metavar="ID",
        help="only this one and what it extends; a regulation's pack is released by its name alone",
    )  # fmt: skip
    policies.add_argument("--folder", type=Path, default=Path(settings.BASE_DIR) / "policies")
    policies.add_argument("--proposed-by", required=True, metavar="USERNAME")
    for one in (first, person, token):
        one.add_argument("--name", required=True)
    for one in (person, role, token, lost, unit, environment, policies):
        one.add_argument("--as", required=True, dest="by", metavar="USERNAME", help="who does it")


def run(asked: Namespace, ask: Ask) -> str:
    """Do it; the sentence says what was done."""
    return _WORK[asked.word](asked, ask)


_HERE = "this machine"


def _signed_in(username: str, ask: Ask) -> Person:
    password = ask(f"Password of {username}: ")
    try:
        return access.sign_in(username=username, password=password, address=_HERE)
    except access.SecondFactorNeeded as needed:
        code = ask(f"Code of {username}'s authenticator, or a recovery code: ")
        return access.finish_sign_in(person=needed.person, code=code, address=_HERE)


def _first(asked: Namespace, ask: Ask) -> str:
    password = ask(f"New password of {asked.username}: ")
    made = access.first_administrator(
        by=system("installer"), username=asked.username, name=asked.name, password=password
    )
    return f"{made} is the first administrator."


def _person(asked: Namespace, ask: Ask) -> str:
    by = _signed_in(asked.by, ask)
    password = None if asked.service else ask(f"New password of {asked.username}: ")
    made = access.create_person(
        by=by, username=asked.username, name=asked.name, password=password, is_service=asked.service
    )
    return f"{made} may now be given a role."


def _role(asked: Namespace, ask: Ask) -> str:
    by, person = _signed_in(asked.by, ask), find_person(asked.username)
    access.grant_role(
        by=by, person=person, role=asked.role, scope=asked.scope, scope_key=asked.key, reason=asked.reason
    )
    return f"{person} is {ROLES[asked.role].title}."


def _token(asked: Namespace, ask: Ask) -> str:
    by, person = _signed_in(asked.by, ask), find_person(asked.username)
    _, raw = access.issue_token(by=by, person=person, name=asked.name, scopes=asked.carry, days=asked.days)
    return raw


def _lost(asked: Namespace, ask: Ask) -> str:
    by, person = _signed_in(asked.by, ask), find_person(asked.username)
    held = list(factors_of(person))
    for factor in held:
        access.remove_factor(by=by, factor=factor, reason=asked.reason)
    ended = access.end_other_sessions(by=by, person=person, reason=asked.reason)
    return f"{len(held)} second factors of {person} are removed, {ended} sessions ended."


def _unit(asked: Namespace, ask: Ask) -> str:
    return (
        f"{inventory.declare_unit(by=_signed_in(asked.by, ask), key=asked.key, title=asked.title)} is there."
    )


def _environment(asked: Namespace, ask: Ask) -> str:
    made = deploys.declare_environment(by=_signed_in(asked.by, ask), key=asked.key, title=asked.title)
    return f"{made} is there."


def _policies(asked: Namespace, ask: Ask) -> str:
    proposed_by, by = _signed_in(asked.proposed_by, ask), _signed_in(asked.by, ask)
    made = gates.sync_policies(by=by, proposed_by=proposed_by, folder=asked.folder, names=asked.names)
    told = [line for row in made for found in superseded(row, now=now()) for line in found.lines()]
    return "\n".join([f"{len(made)} policies are released: {', '.join(map(str, made))}.", *told])


_WORK: dict[str, Work] = {
    "first": _first,
    "person": _person,
    "role": _role,
    "token": _token,
    "lost": _lost,
    "unit": _unit,
    "environment": _environment,
    "policies": _policies,
}
