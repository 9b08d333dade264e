"""Registering a version on pages: files, what they hold, what seems wrong, and then the fact."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from apps.access.guards import may, require
from apps.access.queries import signed_in
from apps.access.states import Permission
from apps.approvals import commands as approvals
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.engine.errors import Problem
from apps.engine.manifest import Manifest, read_manifest
from apps.gates import commands as gates
from apps.inventory import commands, looking, queries, store
from apps.web.manifests import FORMATS, Table, guessed_format, written
from apps.web.pages import done, page, refusal

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import RegisteredModel

FRAME = 1 << 20  # what the form has around its files
LARGEST_MANIFEST = 256 << 10
MOST_FILES = 4096
ARTIFACT, OTHER = "artifact", "file"
ROLES = (ARTIFACT, "holdout", "development", OTHER)


@dataclass(frozen=True, slots=True)
class Held:
    """A file that lies in the store and waits for the version that names it."""

    role: str
    name: str
    digest: str
    size: int


@csrf_exempt  # the length is looked at before the body is read for the token, which `_steps` asks for
def new_version(request: HttpRequest, key: str) -> HttpResponseBase:
    """The pages on which a version is registered."""
    told = str(request.META.get("CONTENT_LENGTH") or "0")
    size = int(told) if told.isascii() and told.isdigit() else 0
    if request.method == "POST" and signed_in(request.user) is not None and size > store.largest() + FRAME:
        sentence = f"The files have {size:,} bytes together; at most {store.largest():,} are taken at once."
        return refusal(request, Refused(sentence), 413)
    return _protected(request, key)


@dataclass(slots=True)
class Draft:
    """What was given so far, of which nothing is registered."""

    request: HttpRequest
    by: Person
    model: RegisteredModel
    act: str = "files"
    held: list[Held] = field(default_factory=list)
    text: str = ""


@page("GET", "POST")
def _steps(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    require(by, Permission.VERSION_REGISTER, model)
    draft = Draft(request, by, model)
    if request.method == "GET":
        return _files(draft)
    draft.act, draft.text = request.POST.get("act", "files"), request.POST.get("manifest_text", "")
    try:
        draft.held = list(_held(request.POST.get("held", "")))
        if draft.act == "files":
            draft.held += _stored(draft)
            draft.text = _manifest_file(request) or draft.text
        return _step(draft)
    except (Invalid, Refused, Problem) as refused:
        if isinstance(refused, (Forbidden, NotFound)):
            raise
        return _again(draft, refused)


_protected = csrf_protect(_steps)


def _step(draft: Draft) -> HttpResponse:
    if draft.act in ("start", "clear"):
        draft.held = [] if draft.act == "clear" else draft.held
        return _files(draft)
    if draft.act == "describe" or (draft.act == "files" and not draft.text.strip()):
        return _described(draft)
    if draft.act == "check":
        draft.text = _from_form(draft).decode()
    raw = draft.text.encode()
    blobs = blobs_of(_of_this(draft.model, raw), draft.held)
    if draft.act in ("register", "run"):
        return _registered(draft, raw, blobs)
    return _checked(draft, raw, blobs)


def _again(draft: Draft, refused: Exception) -> HttpResponse:
    """The step that the fault belongs to, with the sentence and with everything that was given."""
    if draft.act == "check":
        # Where the files themselves are at fault they are chosen again.
        with suppress(Invalid, Refused, Problem):
            return _described(draft, refused)
    return _files(draft, refused)


# Files ---------------------------------------------------------------------------------------------------


def _held(text: str) -> Iterator[Held]:
    """The files of the steps before, as the form carries them; whose they are is asked later."""
    try:
        rows = json.loads(text or "[]")
    except ValueError:
        rows = None
    if not isinstance(rows, list) or len(rows) > MOST_FILES:
        raise Invalid("The list of files in the form cannot be read; choose them again.", field="held")
    for row in rows:
        if not isinstance(row, dict) or row.get("role") not in ROLES or not isinstance(row.get("name"), str):
            raise Invalid("The list of files in the form cannot be read; choose them again.", field="held")
        size = row.get("size")
        yield Held(
            role=row["role"],
            name=_plain_name(row["name"]),
            digest=store.plain_digest(str(row.get("digest") or "")),
            size=size if isinstance(size, int) and not isinstance(size, bool) else 0,
        )


def _plain_name(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2][:255]


def _stored(draft: Draft) -> list[Held]:
    """Take the files of the form into the store."""
    given = [(role, file) for role in ROLES for file in draft.request.FILES.getlist(role)]
    return [_kept(draft.by, draft.model, role, file) for role, file in given]


def _kept(by: Person, model: RegisteredModel, role: str, file: UploadedFile[Any]) -> Held:
    blob = commands.store_blob(
        by=by, stream=file, size=file.size or 0, media=file.content_type or "", unit=model.unit.key
    )
    return Held(role, _plain_name(file.name or role), blob.digest, blob.size)


def _manifest_file(request: HttpRequest) -> str:
    given = request.FILES.get("manifest")
    if not isinstance(given, UploadedFile):
        return ""
    if (given.size or 0) > LARGEST_MANIFEST:
        raise Invalid(f"A model.yaml has at most {LARGEST_MANIFEST:,} bytes.", field="manifest")
    try:
        return bytes(given.read()).decode()
    except UnicodeDecodeError as problem:
        raise Invalid("The model.yaml is not UTF-8 text.", field="manifest") from problem


def blobs_of(manifest: Manifest, held: list[Held]) -> dict[str, Any]:
    """Which file is which: by the place where it was chosen, else by the name that the manifest gives."""
    datasets: dict[str, Any] = {}
    for name, spec in manifest.datasets.items():
        mine = [one for one in held if one.role == name] or _called(held, spec.path)
        if len(mine) == 1:
            datasets[name] = mine[0].digest
        elif mine:
            datasets[name] = {"parts": {one.name: one.digest for one in mine}}
    found: dict[str, Any] = {"datasets": datasets}
    if manifest.artifact_path is not None:
        mine = [one for one in held if one.role == ARTIFACT] or _called(held, manifest.artifact_path)
        found |= {"artifact": mine[0].digest} if mine else {}
    return found


def _called(held: list[Held], path: str) -> list[Held]:
    return [one for one in held if one.name == path.rstrip("/").rpartition("/")[2]][:1]


def _of_this(model: RegisteredModel, raw: bytes) -> Manifest:
    manifest = read_manifest(raw)
    if manifest.model != model.key:
        told = f"The manifest is of {manifest.model}, not of {model.key}."
        raise Invalid(told, field="manifest")
    return manifest


# The steps -----------------------------------------------------------------------------------------------


def _shown(
    draft: Draft, name: str, context: Mapping[str, Any], refused: Exception | None = None
) -> HttpResponse:
    rows = [{"role": h.role, "name": h.name, "digest": h.digest, "size": h.size} for h in draft.held]
    frame = {
        "title": f"Register a version of {draft.model.title}",
        "model": draft.model,
        "held": rows,
        "held_text": json.dumps(rows),
        "manifest_text": draft.text,
        "wrong": str(refused or ""),
        "field": getattr(refused, "field", "") or "",
    }
    template = f"models/registering/{name}.html"
    return render(draft.request, template, {**frame, **context}, status=422 if refused else 200)


def _files(draft: Draft, refused: Exception | None = None) -> HttpResponse:
    return _shown(draft, "files", {"largest": store.largest()}, refused)


def _data_of(held: list[Held]) -> dict[str, Any]:
    """The data files chosen by their place, as a registration names them."""
    found: dict[str, Any] = {}
    for name in ("holdout", "development"):
        mine = [one for one in held if one.role == name]
        if mine:
            one = mine[0].digest
            found[name] = one if len(mine) == 1 else {"parts": {h.name: h.digest for h in mine}}
    if "holdout" not in found:
        raise Invalid("Choose the data on which the version is judged: its holdout.", field="holdout")
    return {"datasets": found}


def _described(draft: Draft, refused: Exception | None = None) -> HttpResponse:
    looked = looking.look_at_files(draft.by, _data_of(draft.held))
    artifact = _artifact_name(draft)
    context = {
        "datasets": looked.datasets,
        "columns": looked.datasets["holdout"]["columns"],
        "given": draft.request.POST.dict(),
        "chosen": draft.request.POST.getlist("protected"),
        "artifact": artifact,
        "guessed": guessed_format(artifact),
        "formats": list(dict.fromkeys(FORMATS.values())),
        "uses": [use.key for use in draft.model.uses.all() if use.retired_at is None],
    }
    return _shown(draft, "describe", context, refused)


def _artifact_name(draft: Draft) -> str:
    return next((one.name for one in draft.held if one.role == ARTIFACT), "")


def _from_form(draft: Draft) -> bytes:
    looked = looking.look_at_files(draft.by, _data_of(draft.held))
    tables = {
        name: Table(_path_of(draft.held, name), frozenset(c["name"] for c in found["columns"]))
        for name, found in looked.datasets.items()
    }
    return written(
        model=draft.model.key,
        kind=draft.model.kind,
        given=draft.request.POST.dict(),
        protected=draft.request.POST.getlist("protected"),
        artifact=_artifact_name(draft),
        tables=tables,
    )


def _path_of(held: list[Held], role: str) -> str:
    """The name of the only file; of several the folder that they are the parts of."""
    mine = [one.name for one in held if one.role == role]
    return mine[0] if len(mine) == 1 else f"{role}/"


def _checked(draft: Draft, raw: bytes, blobs: Mapping[str, Any]) -> HttpResponse:
    looked = looking.look_at_version(draft.by, raw, blobs)
    manifest, post = looked.intake.manifest, draft.request.POST
    context = {
        "manifest": manifest,
        "digest": looked.intake.digest,
        "datasets": [(spec, looked.datasets[name]) for name, spec in manifest.datasets.items()],
        "problems": looked.problems,
        "form": [(name, value) for name in post if name not in _CARRIED for value in post.getlist(name)],
        "by_form": draft.act == "check",
        "may_run": may(draft.by, Permission.RUN_REQUEST, draft.model) and bool(manifest.use),
    }
    return _shown(draft, "check", context)


_CARRIED = frozenset({"act", "held", "manifest_text", "csrfmiddlewaretoken"})


def _registered(draft: Draft, raw: bytes, blobs: Mapping[str, Any]) -> HttpResponse:
    version = commands.register_version(by=draft.by, manifest=raw, blobs=blobs)
    approvals.open_untold_findings(by=draft.by, model=version.model)
    place = f"/models/{version.model.key}/versions/{version.label}"
    if draft.act == "register":
        told = f"{version} is registered. Run its gates to see where it stands."
        return done(draft.request, told, place)
    use = queries.find_use(version.model, str(version.manifest["spec"].get("use") or ""))
    return redirect(f"/runs/{gates.request_run(by=draft.by, version=version, use=use).pk}")
