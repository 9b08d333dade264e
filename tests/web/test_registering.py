"""A user's first hour: a model and its first version, registered on pages without a script."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.gates.models import Run
from apps.inventory.models import Idea, ModelVersion, RegisteredModel
from tests import factories
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")
MODEL = {
    "title": "Probability of default of cards",
    "key": "cards-pd",
    "kind": "classifier",
    "unit": "retail",
    "owner": "owner",
    "origin": "built",
    "use": "limit_setting",
    "jurisdictions": "US, EU",
    "purpose": "Sets the limits of credit cards.",
    "answer-purpose": "marketing",
}
ROLES = {
    "version": "1",
    "use": "limit_setting",
    "target": "defaulted",
    "positive": "1",
    "favourable": "0",
    "score": "pd",
    "decision": "approved",
    "decided": "1",
    "protected": ["sex"],
}
NEW = "/models/credit-pd/versions/new"


@pytest.fixture
def dev(world: Standing) -> Browser:
    return Browser(world.people["developer"])


def hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert found, name
    return html.unescape(found.group(1))


def file(name: str = "holdout.csv", data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, factories.table(700) if data is None else data, "text/csv")


def chosen(dev: Browser, **files: Any) -> str:
    return dev.send(NEW, act="files", **(files or {"holdout": file()}))


def test_what_resembles_it_is_shown_before_anything_is_written(dev: Browser) -> None:
    shown = plain(dev.send("/models/new", act="check", **MODEL))
    assert "These models resemble it" in shown
    assert "Probability of default" in shown
    assert "approved" in shown
    assert not RegisteredModel.objects.filter(key="cards-pd").exists()


def test_an_idea_is_registered_without_an_artifact(dev: Browser) -> None:
    shown = plain(dev.send("/models/new", act="register", **MODEL))
    assert "is registered. Its first version can follow" in shown
    model = RegisteredModel.objects.get(key="cards-pd")
    assert (model.versions.count(), model.jurisdictions) == (0, ["US", "EU"])
    assert Idea.objects.get(model=model).answers["purpose"] == "marketing"


def test_a_fault_keeps_what_was_typed_and_names_the_field(dev: Browser) -> None:
    answer = dev.client.post("/models/new", {**MODEL, "act": "check", "owner": "nobody"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "There is no person &quot;nobody&quot;" in page
    assert 'value="Probability of default of cards"' in page
    assert 'value="nobody"' in page


def test_who_registers_no_models_is_told_so(world: Standing) -> None:
    Browser(world.people["validator"]).get("/models/new", status=403)
    Browser(world.people["validator"]).get(NEW, status=403)


def test_files_become_a_version_step_by_step(dev: Browser) -> None:
    page = chosen(dev)
    assert "F (350), M (350)" in plain(page)
    checked = dev.send(NEW, act="check", held=hidden(page, "held"), **{**ROLES, "version": "11"})
    assert "Nothing seems wrong" in plain(checked)
    assert not ModelVersion.objects.filter(label="11").exists()
    carried = {name: hidden(checked, name) for name in ("held", "manifest_text")}
    assert "credit-pd@11 is registered" in plain(dev.send(NEW, act="register", **carried))
    made = ModelVersion.objects.get(model__key="credit-pd", label="11")
    assert made.datasets.get().rows == 700
    assert made.manifest["spec"]["datasets"]["holdout"]["protected"] == ["sex"]


def test_it_can_be_registered_and_run_at_once(dev: Browser) -> None:
    page = chosen(dev)
    held = hidden(page, "held")
    checked = dev.send(NEW, act="check", held=held, **{**ROLES, "version": "12", "use": "credit_decision"})
    carried = {name: hidden(checked, name) for name in ("held", "manifest_text")}
    dev.client.post(NEW, {"act": "run", **carried})
    assert Run.objects.filter(version__label="12").count() == 1


def test_problems_are_said_before_it_is_registered(dev: Browser) -> None:
    held = hidden(chosen(dev, holdout=file(data=factories.table(40))), "held")
    shown = plain(dev.send(NEW, act="check", held=held, **{**ROLES, "favourable": ""}))
    assert "only 40 rows" in shown
    assert "No favourable outcome is named" in shown
    assert 'Groups of "sex" under 30 rows' in shown


def test_a_wrong_description_comes_back_with_all_that_was_given(dev: Browser) -> None:
    held = hidden(chosen(dev), "held")
    answer = dev.client.post(NEW, {"act": "check", "held": held, **ROLES, "decided": ""})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "favourable decision" in page
    assert "<option selected>defaulted</option>" in page
    assert hidden(page, "held") == held


def test_a_manifest_of_ones_own_names_its_files(dev: Browser) -> None:
    text = str(factories.manifest("credit-pd", "13")).replace("'", '"')
    page = chosen(dev, file=file("holdout.csv"), manifest_text=text)
    assert "Register credit-pd@13" in plain(page)


def test_a_manifest_of_another_model_is_refused(dev: Browser) -> None:
    text = str(factories.manifest("other", "1")).replace("'", '"')
    answer = dev.client.post(NEW, {"act": "files", "file": file(), "manifest_text": text})
    assert answer.status_code == 422
    assert "The manifest is of other, not of credit-pd." in answer.content.decode()


def test_several_files_are_the_parts_of_one_table(dev: Browser) -> None:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    def part(name: str) -> SimpleUploadedFile:
        buffer = io.BytesIO()
        pq.write_table(pa.table({"x": [1, 2, 3]}), buffer)
        return SimpleUploadedFile(name, buffer.getvalue())

    shown = plain(chosen(dev, holdout=[part("a.parquet"), part("b.parquet")]))
    assert "holdout : 6 rows, 1 columns" in shown


def test_without_data_one_is_asked_for_them(dev: Browser) -> None:
    answer = dev.client.post(NEW, {"act": "files"})
    assert answer.status_code == 422
    assert "Choose the data on which the version is judged" in answer.content.decode()


def test_bytes_of_others_are_not_there(dev: Browser, world: Standing) -> None:
    other = factories.blob(b"a,b\n1,2\n", by=factories.service())
    held = f'[{{"role": "holdout", "name": "h.csv", "digest": "{other.digest}", "size": 8}}]'
    assert dev.client.post(NEW, {"act": "describe", "held": held}).status_code == 404


def test_too_much_at_once_is_refused_before_it_is_read(dev: Browser, settings: Any) -> None:
    settings.LARGEST_UPLOAD = 10
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    answer = dev.client.generic("POST", NEW, b"x" * (2 << 20), content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413


def test_a_broken_list_of_files_is_refused(dev: Browser) -> None:
    for held in ("{", "[1]", '[{"role": "x", "name": "y", "digest": "z"}]'):
        assert dev.client.post(NEW, {"act": "describe", "held": held}).status_code == 422
