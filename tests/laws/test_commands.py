"""Law 1: only commands write, and each command says who acts and leaves a trace.

A *write* is a call of one of the ORM's writing methods. A *command* is a public function of an app's
`commands.py`, or one that the app's package `commands` gives out. It *leaves a trace* when it calls
`audit.record`, `audit.move` or `audit.seal`, itself or through other functions of commands.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.laws.source import Module, called, calls, modules, public_functions

WRITES = {
    "abulk_create",
    "acreate",
    "asave",
    "bulk_create",
    "bulk_update",
    "create",
    "delete",
    "get_or_create",
    "save",
    "update",
    "update_or_create",
}
# Not the ORM: a hash that takes in bytes, a key that is made in a file, a font written into memory.
OTHERS = {
    ("apps/audit/keyring.py", "create"),
    ("apps/inventory/stores/common.py", "update"),
    ("apps/inventory/stores/objects.py", "update"),
    ("apps/inventory/stores/objects.py", "delete"),
    ("apps/reports/hardware.py", "update"),
    ("apps/reports/lettering.py", "save"),
    ("apps/reports/rasters.py", "save"),
    ("apps/reports/packs_archive.py", "update"),
    ("apps/reports/verification.py", "update"),
}
TRACES = {"record", "move", "seal"}
NO_ORM = {"engine", "outside", "cli"}

# Nobody is signed in yet; the lease of a run is held by its fence, not by a person.
WITHOUT_BY = {
    "sign_in",
    "sign_in_federated",
    "finish_sign_in",
    "finish_by_passkey",
    "beat",
    "beat_partition",
    "note_progress",
}
# What these change or send tells nothing of models: the API's memory of requests, leases, messages.
WITHOUT_TRACE = {
    "add_piece",
    "archive_due",
    "beat",
    "beat_partition",
    "begin_idempotent",
    "begin_upload",
    "cancel_upload",
    "expire_uploads",
    "complete_waiting",
    "finish_idempotent",
    "follow",
    "gather_letters",
    "keep_partition",
    "forget_idempotent",
    "forget_worker",
    "make_asked",
    "make_missing",
    "note_progress",
    "note_token_use",
    "note_worker",
    "read_notices",
    "request_report",
    "send_delivery_hints",
    "send_hints",
    "send_partition_hints",
    "send_question_hints",
    "send_registry_hints",
    "wake_lanes",
}


def test_the_orm_writes_only_in_commands() -> None:
    outside = [
        f"{module.name}:{call.lineno} {ast.unparse(call)[:80]}"
        for module in modules()
        if module.path.parent.name != "apps" and module.app not in NO_ORM and not module.in_commands
        for call in calls(module.tree)
        if called(call) in WRITES and (module.name, called(call)) not in OTHERS
    ]
    assert outside == []


def command_modules() -> list[Module]:
    return [m for m in modules() if m.in_commands and m.path.name != "__init__.py"]


def given_out() -> dict[str, set[str]]:
    """By app, the names in `__all__` of its package `commands`."""
    found: dict[str, set[str]] = {}
    for module in modules():
        if module.in_commands and module.path.name == "__init__.py":
            found[module.app] = set(_all(module.tree))
    return found


def _all(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            yield from ast.literal_eval(node.value)


def commands() -> dict[str, tuple[Module, ast.FunctionDef]]:
    public = given_out()
    return {
        f"{module.app}.{function.name}": (module, function)
        for module in command_modules()
        for function in public_functions(module)
        if module.app not in public or function.name in public[module.app]
    }


COMMANDS = commands()


def test_there_are_commands() -> None:
    assert {
        "approvals.sign_off",
        "deploys.admit",
        "gates.request_run",
        "reports.sign_report",
    } <= COMMANDS.keys()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_takes_keywords_and_by(name: str) -> None:
    _, function = COMMANDS[name]
    if name == "audit.move":  # move(row, to, …) and seal, record: the three that all others call
        return
    positional = [*function.args.posonlyargs, *function.args.args]
    assert positional == [], f"{name} takes {[a.arg for a in positional]} by position"
    if function.name not in WITHOUT_BY:
        assert "by" in {a.arg for a in function.args.kwonlyargs}, f"{name} does not say who acts"


Place = tuple[str, str]  # the file, and the function's name in it


def tracing() -> set[Place]:
    """All functions of commands from which a trace is left."""
    bodies: dict[Place, list[ast.AST]] = {}
    homes: dict[str, list[Module]] = {}
    for module in command_modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef):
                bodies.setdefault((module.name, node.name), []).append(node)
                homes.setdefault(node.name, []).append(module)
    uses = {
        place: [frozenset(meant) for node in nodes for meant in _used(place[0], node, homes)]
        for place, nodes in bodies.items()
    }
    found: set[Place] = {("", name) for name in TRACES}
    while True:
        more = {place for place, used in uses.items() if any(m <= found for m in used)} - found
        if not more:
            return found
        found |= more


def _used(file: str, function: ast.AST, homes: dict[str, list[Module]]) -> Iterator[set[Place]]:
    """What a function calls or hands on by name, as to `map`: each with all that the name can mean there.

    A name alone is the file's own function where it has one, `leasing.queue` that of `leasing`. Where several
    functions could be meant, a trace is left only if all of them leave one.
    """
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, of = node.func.attr, ast.unparse(node.func.value)
            near = [m for m in homes.get(name, []) if of in {m.path.stem, m.app}]
        elif isinstance(node, ast.Name):
            name = node.id
            near = [m for m in homes.get(name, []) if m.name == file]
        else:
            continue
        if name in TRACES:
            yield {("", name)}
        elif name in homes:
            yield {(m.name, name) for m in near or homes[name]}


TRACING = tracing()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_leaves_a_trace(name: str) -> None:
    module, function = COMMANDS[name]
    leaves = (module.name, function.name) in TRACING
    assert leaves != (function.name in WITHOUT_TRACE), name
