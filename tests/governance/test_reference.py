from __future__ import annotations

import pytest
from django.conf import settings

from apps.engine.manifest import _DATASET, _METADATA, _SPEC
from governance.reference import pages

FOLDER = settings.BASE_DIR / "docs"


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_page_says_what_the_code_says(name: str):
    stale = f"docs/{name} is stale: run ./countersign write_reference"
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], stale


@pytest.mark.parametrize("field", sorted({*_METADATA, *_SPEC, *_DATASET}))
def test_every_field_of_a_manifest_is_explained(field: str):
    assert f"`{field}`" in (FOLDER / "reference" / "manifest.md").read_text(encoding="utf-8")
