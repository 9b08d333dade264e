"""The released policies that a draft may extend, read only when it does: a page asks at every word."""

from __future__ import annotations

from apps.engine.policy import Library
from apps.engine.policy.library import Entry
from apps.gates import queries
from apps.gates.impacts import released_library


class Released(Library):
    """Every released policy, of which only those that are named are read."""

    def __init__(self) -> None:
        super().__init__({})
        self._read: dict[str, Library] = {}

    def find(self, policy_id: str, major: int) -> Entry:
        """The newest version of a policy with that major."""
        if policy_id not in self._read:
            rows = queries.released_policies().filter(policy=policy_id)
            texts = {str(row): bytes(row.text) for row in rows}
            # Where there is none, the nearest name of all is told.
            self._read[policy_id] = Library(texts) if texts else released_library()
        return self._read[policy_id].find(policy_id, major)
