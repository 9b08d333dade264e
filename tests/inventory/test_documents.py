"""The register of a model's documents."""

from __future__ import annotations

import io
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event, Statement
from apps.inventory import commands, documents, store
from apps.inventory.models import ModelDocument
from apps.inventory.states import DocumentKind
from tests import factories

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.STORE = {"root": tmp_path / "store"}


def ahead(days: int) -> date:
    return timezone.now().date() + timedelta(days=days)


def registered(**changes: Any) -> ModelDocument:
    fields = {
        "kind": "user-guide",
        "title": "Guide",
        "label": "1",
        "stream": io.BytesIO(b"how to"),
        "filename": "guide.pdf",
        **changes,
    }
    by = fields.pop("by", None) or factories.developer()
    return commands.register_document(by=by, model=factories.model(), **fields)


def test_a_document_is_kept_under_its_digest_and_sealed():
    made = registered(expires_on=ahead(90))
    assert store.path(made.blob_id).read_bytes() == b"how to"
    assert Statement.objects.filter(predicate_type=documents.DOCUMENT).count() == 1
    assert Event.objects.filter(action="document.registered").count() == 1


def test_the_newest_version_of_a_title_holds_and_the_older_stays():
    registered()
    second = registered(label="2", stream=io.BytesIO(b"better"))
    model = factories.model()
    assert [line.document.pk for line in documents.lines_of(model)] == [second.pk]
    assert documents.history_of(model).count() == 2


def test_a_version_of_a_document_is_registered_once():
    registered()
    with pytest.raises(Refused, match="registered already"):
        registered(stream=io.BytesIO(b"other bytes"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "poem"}, "is no kind of document"),
        ({"title": " "}, '"title" is empty'),
        ({"stream": io.BytesIO(b"")}, "The file is empty"),
        ({"expires_on": date(2020, 1, 1)}, "2020-01-01 is over"),
        ({"title": "a\u202eb"}, "U\\+202E"),
    ],
)
def test_what_cannot_hold_is_refused_with_a_sentence(changes, said):
    with pytest.raises(Invalid, match=said):
        registered(**changes)
    assert not ModelDocument.objects.exists()


def test_one_that_expired_counts_as_missing_and_is_named_to_its_owner():
    made = registered(expires_on=ahead(10))
    line = documents.Line(made, ahead(10))
    assert (line.expired, line.state) == (True, "expired")
    assert DocumentKind.USER_GUIDE in documents.missing_kinds(factories.model(), [line])
    assert [one.document.pk for one in documents.ending(factories.owner())] == [made.pk]


def test_one_in_force_is_not_missing_and_what_is_far_off_is_not_named():
    made = registered(expires_on=ahead(300))
    assert DocumentKind.USER_GUIDE not in documents.missing_kinds(
        factories.model(), documents.lines_of(factories.model())
    )
    assert documents.ending(made.owner) == []


def test_too_large_a_file_is_not_kept(monkeypatch):
    monkeypatch.setattr(documents, "LARGEST", 3)
    with pytest.raises(Invalid):
        registered()
    assert not ModelDocument.objects.exists()


def test_reviewers_register_none_and_those_of_elsewhere_find_none():
    with pytest.raises(Forbidden):
        registered(by=factories.validator())
    made = registered()
    far = factories.person("far", "developer", scope="unit", key=factories.unit("far").key)
    with pytest.raises(NotFound):
        documents.find_document(far, "credit-pd", made.pk)


@pytest.mark.parametrize(
    ("name", "media"), [("a.pdf", "application/pdf"), ("a.html", "application/octet-stream")]
)
def test_no_browser_is_told_that_a_file_is_a_page(name, media):
    assert documents.media_of(registered(filename=name)) == media
