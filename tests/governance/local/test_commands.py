from __future__ import annotations

import pytest

from governance.local.commands import Wish, environment


@pytest.mark.parametrize(
    ("fixtures", "given", "walls"),
    [(True, {}, "best"), (True, {"COUNTERSIGN_WALLS": "required"}, "required"), (False, {}, None)],
)
def test_only_a_demo_measures_where_a_kernel_lacks_a_wall(fixtures, given, walls):
    found = environment(Wish(port=8000, fixtures=fixtures), given)
    assert found.get("COUNTERSIGN_WALLS") == walls
