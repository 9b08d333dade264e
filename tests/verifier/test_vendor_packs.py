"""A vendor's evidence pack, taken in by a buyer: verified under their keys, scored, its gaps findings."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.approvals import commands as approvals
from apps.approvals.models import Finding
from apps.audit.errors import Forbidden, Invalid
from apps.audit.models import Event
from apps.audit.queries import keys
from apps.engine.keys import FileSigner, KeyRecord, KeySet, Purpose
from apps.inventory import commands as inventory
from apps.inventory.models import ModelDocument, RegisteredModel, VendorReview
from tests import factories
from tests.standing import Standing
from tests.verifier.test_packs import packed, sequenced

__all__ = ["sequenced"]
BACKEND = "django.contrib.auth.backends.ModelBackend"
Change = Callable[[bytes], bytes]


def registered(model: RegisteredModel, data: bytes, label: str, kind: str = "vendor-file") -> ModelDocument:
    return inventory.register_document(
        by=factories.developer(),
        model=model,
        kind=kind,
        title="Evidence pack",
        label=label,
        stream=io.BytesIO(data),
        filename="pack.zip",
    )


def with_file(name: str, change: Change) -> Change:
    """The archive with one file changed, or brought along."""

    def changed(data: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
            for entry in old.namelist():
                new.writestr(entry, change(old.read(entry)) if entry == name else old.read(entry))
            if name not in old.namelist():
                new.writestr(name, change(b""))
        return out.getvalue()

    return changed


ALTERED: dict[str, Change] = {
    "a number": with_file("facts/decision-v1.jsonl", lambda data: data.replace(b"0.", b"1.", 1)),
    "a fact left out": with_file("facts/decision-v1.jsonl", lambda _: b""),
    "a file more": with_file("../../evil", lambda _: b"x"),
    "a file beside": with_file("facts/more.jsonl", lambda _: b"{}\n"),
    "a swollen file": with_file("README.md", lambda _: b"\0" * (64 << 20)),
    "cut off": lambda data: data[: len(data) // 2],
    "no archive": lambda _: b"%PDF-1.7",
}


def stranger() -> KeySet:
    signer = FileSigner(Ed25519PrivateKey.generate())
    old = keys().records[0]
    record = KeyRecord(public=signer.public, purpose=Purpose.STATEMENT, valid_from=old.valid_from)
    return KeySet((record,))


@pytest.mark.slow
def test_a_genuine_pack_is_scored_and_every_other_one_is_refused(
    sequenced: Standing, tmp_path: Path, client: Any
) -> None:
    data = packed(sequenced, tmp_path, model=sequenced.granted.version.model).read_bytes()
    bought = factories.model("bought-pd", vendor=True)
    document = registered(bought, data, "1")
    _nothing_altered_is_taken(bought, data, document)
    made = approvals.import_vendor_pack(
        by=factories.validator(), document=document, vendor="Score House", keys=keys()
    )
    met = {name: told["met"] for name, told in made.review.answers.items()}
    assert made.pack.model == "credit-pd"
    assert (met["performance"], met["outcomes_testing"], met["exit"]) == ("yes", "no", "no")
    assert made.review.answers["performance"]["note"].startswith("Vendor's own word, pack ")
    assert 0 < made.review.points < made.review.of
    gaps = Finding.objects.filter(model=bought, gate__startswith="vendor.").values_list("gate", flat=True)
    assert set(gaps) == {f"vendor.{name}" for name, told in met.items() if told != "yes"}
    _the_trail_tells_of_it(made.review)
    _a_person_s_word_stays(document)
    _over_http_and_on_the_page(client, document)


def _the_trail_tells_of_it(review: VendorReview) -> None:
    """One event of the review, and one of each gap, each by who took the pack in."""
    found = Finding.objects.filter(model=review.model, gate__startswith="vendor.")
    opened = Event.objects.filter(action="finding.opened", object_id__in=[str(one.pk) for one in found])
    assert opened.count() == found.count()
    told = Event.objects.get(action="vendor.reviewed")
    assert {told.actor_id, *opened.values_list("actor_id", flat=True)} == {str(factories.validator().pk)}


def _nothing_altered_is_taken(bought: RegisteredModel, data: bytes, document: ModelDocument) -> None:
    by, ours = factories.validator(), keys()
    for name, change in ALTERED.items():
        wrong = registered(bought, change(data), name)
        with pytest.raises(Invalid, match="not taken in") as refused:
            approvals.import_vendor_pack(by=by, document=wrong, vendor="Score House", keys=ours)
        assert refused.value.field == "document", name
    with pytest.raises(Invalid, match="No trusted key"):
        approvals.import_vendor_pack(by=by, document=document, vendor="Score House", keys=stranger())
    guide = registered(bought, data, "2", kind="user-guide")
    with pytest.raises(Invalid, match="no file of a vendor"):
        approvals.import_vendor_pack(by=by, document=guide, vendor="Score House", keys=ours)
    with pytest.raises(Forbidden):
        approvals.import_vendor_pack(
            by=factories.developer(), document=document, vendor="Score House", keys=ours
        )
    assert not VendorReview.objects.filter(model=bought).exists()


def _a_person_s_word_stays(document: ModelDocument) -> None:
    """A pack takes nothing back that somebody found out."""
    by, exits = factories.validator(), {"exit": {"met": "yes", "note": "Clause 12."}}
    approvals.review_vendor(by=by, model=document.model, vendor="Score House", answers=exits)
    again = approvals.import_vendor_pack(by=by, document=document, vendor="Score House", keys=keys())
    assert again.review.answers["exit"] == {"met": "yes", "note": "Clause 12."}
    assert again.review.answers["performance"]["met"] == "yes"


def _over_http_and_on_the_page(client: Any, document: ModelDocument) -> None:
    client.force_login(factories.validator(), backend=BACKEND)
    asked = {"document": str(document.pk), "vendor": "Score House", "keys": keys().as_json()}

    def post(**changes: Any) -> Any:
        return client.post(
            f"/api/v1/models/{document.model.key}/vendor/packs",
            {**asked, **changes},
            content_type="application/json",
        )

    told = post()
    assert (told.status_code, told.json()["pack"]["model"]) == (201, "credit-pd")
    assert (post(document="x").json()["field"], post(keys={}).json()["field"]) == ("document", "keys")
    page = f"/models/{document.model.key}/vendor"
    assert "Verify and hold against the checklist" in client.get(page).content.decode()
    file = SimpleUploadedFile("keys.json", json.dumps(keys().as_json()).encode())
    sent = client.post(f"{page}/pack", {"document": str(document.pk), "vendor": "Score House", "keys": file})
    assert (sent.status_code, sent.headers["Location"]) == (302, page)
