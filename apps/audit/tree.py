"""The stored tree: subtree hashes read from few rows, whatever the size of the log."""

from __future__ import annotations

from itertools import pairwise

from django.db import connection

from apps.audit.errors import Refused
from apps.engine.merkle import range_root, root_of

# Subtrees of 2^8, 2^16, … leaves are stored as they become complete.
STRIDE = 8


class TreeBroken(Refused):
    """The stored tree lacks something that it must hold."""

    code = "log_broken"


def stored_node(level: int, index: int) -> bytes:
    """The hash of a complete subtree, from the nearest stored level below it."""
    stored = level // STRIDE * STRIDE
    span = level - stored
    first, count = index << span, 1 << span
    hashes = _row_hashes(stored, first, count)
    if len(hashes) != count:
        what = "leaf" if stored == 0 else f"level-{stored} subtree"
        raise TreeBroken(f"The log lacks a {what} between {first} and {first + count - 1}.")
    return root_of(hashes)


def _row_hashes(level: int, first: int, count: int) -> list[bytes]:
    table, column, where = "audit_leaf", "leaf_hash", ""
    if level:
        table, column, where = "audit_node", "hash", f"level = {level:d} AND"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT idx, {column} FROM {table} WHERE {where} idx >= %s AND idx < %s ORDER BY idx",  # noqa: S608
            [first, first + count],
        )
        rows = cursor.fetchall()
    if any(b[0] != a[0] + 1 for a, b in pairwise(rows)):
        return []
    return [bytes(row[1]) for row in rows]


def stored_root(size: int) -> bytes:
    """The root of the first `size` leaves, from what is stored."""
    return range_root(0, size, stored_node)
