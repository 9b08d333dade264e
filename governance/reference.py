"""The pages of docs/reference and docs/checks drawn from the code itself; a test holds them to it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from apps.access.states import ROLES, Permission
from apps.api.openapi import document
from apps.cli.main import COMMANDS, parser
from governance import reference_checks, reference_flows, reference_policy

_NOTE = "<!-- Written by `./countersign write_reference`; change the code, not this page. -->"


def pages() -> dict[str, str]:
    """The text of each page by its name below docs."""
    drawn = {
        "program.md": program(),
        "http.md": http(),
        "roles.md": roles(),
        "policy.md": policy(),
        "flows.md": reference_flows.flows_page(_NOTE),
    }
    return {f"reference/{name}": text for name, text in drawn.items()} | reference_checks.pages()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table.

    >>> print(table(["a", "b"], [["1", "x"]]))
    | a | b |
    |---|---|
    | 1 | x |
    """
    lines = [head, *rows]
    drawn = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
    return "\n".join([drawn[0], "|" + "---|" * len(head), *drawn[1:]])


# The program --------------------------------------------------------------------------------------------

_EXITS = {
    "evaluate": "0 pass · 1 fail · 3 insufficient · 4 could not evaluate",
    "measure": "0 measured · 3 insufficient or undefined · 4 could not measure",
    "catalogue": "0 · 4 no such check",
    "policy": "0 nothing is wrong · 1 something is",
    "register": "0 registered · 1 refused · 2 usage · 4 server or token",
    "submit": "0 passed · 1 not · 2 usage · 4 server or token",
    "gate": "0 allow · 1 deny · 2 usage · 3 pending until the wait ended · 4 could not decide",
    "verify": "0 genuine · 1 not, with the first thing that is wrong · 4 cannot be read",
    "export": "0 written · 1 refused · 2 usage · 4 server or token",
    "vendor-pack": "0 taken · 1 refused · 2 usage · 4 server or token",
    "verifier": "0 stopped · 2 usage · 4 keys, answers or revocations cannot be read",
    "replay": "0 same bytes · 1 different, with the cause · 4 cannot be read",
}


def program() -> str:
    """Every command with its arguments and exit codes."""
    parts = [
        "# The program",
        _NOTE,
        "`register`, `submit` and `gate` ask a server: its address comes from `--server` or "
        "`COUNTERSIGN_URL`, a token from `COUNTERSIGN_TOKEN` or the file that `COUNTERSIGN_TOKEN_FILE` "
        "names. Jobs of GitHub Actions and GitLab CI ask with their own identity instead: the first where "
        "they may request it, for the audience `COUNTERSIGN_AUDIENCE` or the server's address, the second "
        "by `COUNTERSIGN_ID_TOKEN`. "
        "The other words need none. In a checkout, `./countersign WORD` is the same program.",
        "Errors are one sentence on standard error; `COUNTERSIGN_DEBUG=1` shows where they arose.",
    ]
    for name, (module, text) in COMMANDS.items():
        try:
            found = import_module(module)
        except ModuleNotFoundError:
            continue
        parts += [f"## {name}", f"{text[0].upper()}{text[1:]}.", *_command(found, name)]
        parts.append(f"Exit codes: {_EXITS[name]}.")
    return "\n\n".join(parts) + "\n"


def _command(module: Any, name: str) -> Iterator[str]:
    top = _subparsers(parser(module))[name]
    verbs = _subparsers(top)
    if _rows(top):
        yield _arguments(top)
    for verb, inner in verbs.items():
        yield f"### {name} {verb}"
        yield _arguments(inner)


def _subparsers(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    actions = [action for action in of._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(actions[0].choices) if actions else {}


def _arguments(of: argparse.ArgumentParser) -> str:
    return table(["argument", "means"], _rows(of))


def _rows(of: argparse.ArgumentParser) -> list[list[str]]:
    return [
        [f"`{_written(action)}`", _told(action)]
        for action in of._actions
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    ]


def _written(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return str(value)
    if action.choices:
        value = "|".join(map(str, action.choices))
    return action.option_strings[-1] if action.nargs == 0 else f"{action.option_strings[-1]} {value}"


def _told(action: argparse.Action) -> str:
    words = [action.help or ""]
    if action.required and action.option_strings:
        words.append("required")
    elif action.default not in (None, "", False, 0, []) and "default" not in words[0]:
        words.append(f"default `{action.default}`")
    return "; ".join(word for word in words if word)


# HTTP ---------------------------------------------------------------------------------------------------


def http() -> str:
    """Every path and method, from the published schema."""
    schema = document()
    rows = [
        [f"`{method.upper()} {path}`", operation["summary"], _body(operation), _answers(operation)]
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]
    parts = [
        "# HTTP",
        _NOTE,
        "Addresses stand below `/api/v1`. The service publishes this as OpenAPI 3.1 at `/api/v1/schema`. "
        "Callers send `Authorization: Bearer cs_…`; a signed-in browser may read with its session.",
        "Errors are problem documents (RFC 9457): `type`, `title`, `status`, `detail`, and `field` where one "
        "is wrong. Lists give `next`, to be sent back as `cursor`. A `POST` takes `Idempotency-Key`: the "
        "same request under the same key is done once. Unknown fields are refused.",
        table(["", "does", "body", "answers"], rows),
    ]
    return "\n\n".join(parts) + "\n"


def _body(operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    for media, found in content.items():
        properties = found["schema"].get("properties")
        if not properties:
            return f"`{media}`"
        needed = set(found["schema"].get("required", ()))
        return ", ".join(f"`{name}`" if name in needed else f"`{name}`?" for name in properties)
    return ""


def _answers(operation: dict[str, Any]) -> str:
    return " ".join(
        f"{s}: {r['description']}" for s, r in operation["responses"].items() if "description" in r
    )


# Roles --------------------------------------------------------------------------------------------------


def roles() -> str:
    """Who may do what: each role, then each permission."""
    parts = [
        "# Roles and permissions",
        _NOTE,
        "Roles are code, grants of them are data. A grant reaches the organisation, one business unit or one "
        "model, and may end on a day. Nobody may hold building and approving permissions for the same thing.",
        table(
            ["role", "who"], [[f"`{role.key}`", f"{role.title}. {role.sentence}"] for role in ROLES.values()]
        ),
        "## Permissions",
        table(
            ["permission", "held by"],
            [
                [f"`{permission}`", ", ".join(r.key for r in ROLES.values() if permission in r.permissions)]
                for permission in Permission
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


# Policies -----------------------------------------------------------------------------------------------


def policy() -> str:
    """Every field of a policy's file."""
    parts = [
        "# Policies",
        _NOTE,
        reference_policy.FILE,
        table(["field", "value", "means"], reference_policy.rows()),
        reference_policy.CONDITIONS,
        table(["field", "type"], reference_policy.fields()),
        reference_policy.DECISION,
    ]
    return "\n\n".join(parts) + "\n"
