"""What the SQL of a migration does to tables that stand already."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_QUOTED = re.compile(r"\$(\w*)\$(.*?)\$\1\$", re.DOTALL)
_EXECUTED = re.compile(r"EXECUTE\s+'((?:[^']|'')*)'", re.IGNORECASE)
_NAME = r'(?:ONLY\s+)?(?:IF\s+EXISTS\s+)?(?:"?public"?\.)?"?(\w+)"?'
# Which table a statement is about.
_ABOUT = re.compile(
    rf"^(?:(?:ALTER|DROP|TRUNCATE|LOCK)\s+(?:TABLE\s+)?{_NAME}"
    rf"|UPDATE\s+{_NAME}|DELETE\s+FROM\s+{_NAME}"
    rf"|(?:CREATE|DROP|ALTER|REVOKE)\b.*?\bON\s+(?:TABLE\s+)?{_NAME})",
    re.IGNORECASE | re.DOTALL,
)
# What may be done to a table while the older release uses it.
_HARMLESS = re.compile(
    r"^(?:(?:CREATE|DROP)\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY"
    r"|DROP\s+TRIGGER"
    r"|ALTER\s+TABLE\s+\S+\s+ENABLE\s+ALWAYS\s+TRIGGER)\b",
    re.IGNORECASE,
)
_SLOW = re.compile(r"^(?:UPDATE|DELETE|LOCK|CREATE\s+(?:UNIQUE\s+)?INDEX)\b", re.IGNORECASE)
# What nobody may read or write beside.
_LOCKS = re.compile(
    r"^(?:ALTER\s+TABLE|LOCK|DROP\s+TRIGGER|CREATE\s+(?:CONSTRAINT\s+)?TRIGGER)\b", re.IGNORECASE
)
_FUNCTION = re.compile(r'^CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+(?:"?public"?\.)?"?(\w+)', re.IGNORECASE)
_COLUMN = re.compile(r"^ALTER\s+TABLE\s+\S+\s+ADD\s+COLUMN\s+(?!.*\bUNIQUE\b)", re.IGNORECASE)


def functions_of(sql: Any) -> set[str]:
    """The functions that the SQL makes or replaces."""
    return {found[1] for s in statements(sql) if (found := _FUNCTION.match(s))}


def told_by_sql(
    sql: Any, standing: Collection[str], functions: Collection[str]
) -> Iterator[tuple[bool, str]]:
    """Of each statement that an older release may notice: whether it may fail by it, and a sentence."""
    for statement in statements(sql):
        made = _FUNCTION.match(statement)
        if made:
            if made[1] in functions:
                yield True, f"the function {made[1]}, which triggers of standing tables call, is replaced."
            continue
        table = _table(statement)
        if table in standing and not _harmless(statement):
            said = " ".join(statement.split())[:120]
            yield not _SLOW.match(statement), f"{table} stands already: {said}"


def locked_by_sql(sql: Any, standing: Collection[str]) -> set[str]:
    """The tables that stand already and that the SQL locks."""
    return {_table(s) for s in statements(sql) if _LOCKS.match(s)} & set(standing)


def statements(sql: Any) -> list[str]:
    """The statements of a migration's SQL, those too that its anonymous blocks execute."""
    if not isinstance(sql, str):
        parts: Sequence[Any] = [] if sql is None else sql
        return [s for part in parts for s in statements(part if isinstance(part, str) else part[0])]
    text = _COMMENT.sub(" ", sql)
    executed = [
        inner.replace("''", "'") for body in _QUOTED.findall(text) for inner in _EXECUTED.findall(body[1])
    ]
    bare = _QUOTED.sub("$$", text)
    return [s.strip() for s in [*bare.split(";"), *executed] if s.strip()]


def _table(statement: str) -> str:
    found = _ABOUT.match(statement)
    return next((name for name in found.groups() if name), "") if found else ""


def _harmless(statement: str) -> bool:
    if _HARMLESS.match(statement):
        return True
    fills_itself = re.search(r"\bDEFAULT\b", statement, re.IGNORECASE) or not re.search(
        r"\bNOT\s+NULL\b", statement, re.IGNORECASE
    )
    return bool(_COLUMN.match(statement) and fills_itself)
