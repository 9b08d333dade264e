"""The page of flows: what can be done, on which page, through which operation of the API, or why not."""

from __future__ import annotations

from governance import flows, flows_apart

_ABOUT = (
    "Everything that changes anything is a command of the service, and this names each. A page and an "
    "operation of the API that do the same call the same command, so that they permit and refuse alike. "
    "Addresses of operations stand below `/api/v1`."
)


def flows_page(note: str) -> str:
    """Each command with the pages and the operations that play it."""
    pages, operations = flows.pages(), flows.operations()
    no_page, no_operation = flows_apart.without_page(), flows_apart.without_operation()
    apart = {command for command in flows.names() if command in no_page and command in no_operation}
    rows = [
        f"| `{command}` | {_told(pages, no_page, command)} | {_told(operations, no_operation, command)} |"
        for command in flows.names()
        if command not in apart
    ]
    head = ["| command | page | operation |", "|---|---|---|"]
    parts = ["# What can be done where", note, _ABOUT, "\n".join([*head, *rows])]
    parts.append("## Neither on a page nor in the API")
    for reason in dict.fromkeys(no_page[command] for command in sorted(apart)):
        names = [f"- `{command}`" for command in sorted(apart) if no_page[command] == reason]
        parts += [reason, "\n".join(names)]
    return "\n\n".join(parts) + "\n"


def _told(found: flows.Found, reasons: dict[str, str], command: str) -> str:
    if command in found:
        return " ".join(f"`{address}`" for address in found[command])
    return reasons.get(command, "**missing**")
