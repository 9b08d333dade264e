"""The register of a model's documents: what holds, what is owed by tier, what has run out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.access.text import storable
from apps.audit.errors import Invalid, NotFound
from apps.audit.past import clock
from apps.inventory import store
from apps.inventory.models import ModelDocument, RegisteredModel
from apps.inventory.queries import current_tier
from apps.inventory.states import DocumentKind, owed_documents

DOCUMENT = "https://countersign.dev/model-document/v1"
LARGEST = 64 << 20
SOON = timedelta(days=30)
# What a browser is told of a file; everything else is bytes to it.
_MEDIA = {".pdf": "application/pdf", ".txt": "text/plain; charset=utf-8", ".csv": "text/csv; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Line:
    """A document that holds now, as it stands on a day."""

    document: ModelDocument
    today: date

    @property
    def expired(self) -> bool:
        return self.document.expires_on is not None and self.document.expires_on <= self.today

    @property
    def review_due(self) -> bool:
        return self.document.review_on is not None and self.document.review_on <= self.today

    @property
    def state(self) -> str:
        """In a word."""
        if self.expired:
            return "expired"
        return "review due" if self.review_due else "in force"

    @property
    def ends(self) -> date | None:
        """The nearer of the two days."""
        return min((d for d in (self.document.expires_on, self.document.review_on) if d), default=None)


def holding(models: Iterable[RegisteredModel]) -> QuerySet[ModelDocument]:
    """Of each document of these models the version registered last."""
    rows = ModelDocument.objects.filter(model__in=list(models), registered_at__lte=clock())
    newest = rows.order_by("model_id", "kind", "title", "-registered_at", "-id")
    return newest.distinct("model_id", "kind", "title").select_related(
        "model", "owner", "registered_by", "blob"
    )


def lines_of(model: RegisteredModel) -> list[Line]:
    """The documents of a model that hold."""
    today = clock().date()
    return [Line(row, today) for row in holding([model])]


def history_of(model: RegisteredModel) -> QuerySet[ModelDocument]:
    """Every version of every document, the newest first."""
    rows = ModelDocument.objects.filter(model=model, registered_at__lte=clock())
    return rows.select_related("owner", "registered_by", "blob")


def missing_kinds(model: RegisteredModel, lines: Iterable[Line]) -> list[DocumentKind]:
    """The kinds that its tier owes and of which no document is in force."""
    standing = {line.document.kind for line in lines if not line.expired}
    owed = owed_documents(current_tier(model), vendor=model.vendor)
    return [kind for kind in owed if kind not in standing]


def ending(by: Person, today: date | None = None) -> list[Line]:
    """Documents of models that the person owns, or their own, that end or are reviewed within 30 days."""
    now = today or clock().date()
    seen = visible_models(by)
    mine = ModelDocument.objects.filter(model__in=seen).filter(Q(owner=by) | Q(model__owner=by))
    models = RegisteredModel.objects.filter(pk__in=mine.values("model_id"))
    found = [
        Line(row, now) for row in holding(models) if row.owner_id == by.pk or row.model.owner_id == by.pk
    ]
    near = [line for line in found if line.ends is not None and line.ends <= now + SOON]
    return sorted(near, key=lambda line: (line.ends or now, str(line.document)))


def find_document(by: Person, key: str, document_id: UUID) -> ModelDocument:
    """A document of a model that the person may see, or NotFound."""
    rows = ModelDocument.objects.filter(pk=document_id, model__in=visible_models(by))
    row = rows.filter(model__key=key).select_related("model", "blob").first() if storable(key) else None
    if row is None:
        raise NotFound(f'There is no such document of a model "{key}".')
    return row


def document_id(text: str) -> UUID:
    """The id of a document as somebody wrote it."""
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f'"{text[:60]}" is no id of a document.', field="document") from None


def vendor_files(model: RegisteredModel) -> QuerySet[ModelDocument]:
    """Every file of the vendor, the newest first."""
    return history_of(model).filter(kind=DocumentKind.VENDOR_FILE)


def media_of(document: ModelDocument) -> str:
    """What a browser is told that the file is: never anything that it would run."""
    suffix = "." + document.filename.rpartition(".")[2].lower()
    return _MEDIA.get(suffix, "application/octet-stream")


def pieces(document: ModelDocument) -> Iterator[bytes]:
    """The bytes of a document, opened once the first is asked for."""
    with store.open(document.blob_id) as file:
        while piece := file.read(1 << 16):
            yield piece


def kind_of(text: str) -> DocumentKind:
    if text not in list(DocumentKind):
        known = ", ".join(DocumentKind)
        raise Invalid(f'"{text[:80]}" is no kind of document; it is one of {known}.', field="kind")
    return DocumentKind(text)


def day_of(text: str | date | None, field: str) -> date | None:
    """A day as YYYY-MM-DD, or none."""
    if text is None or text == "":
        return None
    if isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise Invalid(f'"{text[:40]}" is no day such as 2027-03-31.', field=field) from problem
