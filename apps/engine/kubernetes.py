"""What a Kubernetes API server asks, read as questions for the deploy gate: which model, version and digest.

Every place of a resource that loads a model is looked at: all predictors and their graphs, canaries, main
and init containers. A place that names its own digest is a question of its own; the annotations of the
resource name the model for those that do not. Nothing here decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apps.engine.errors import BadInput

# Before the slash of the annotations that name a model; an installation may choose its own.
PREFIX: Final = "countersign.dev"
_NAMES: Final = ("model", "version", "digest", "use", "population", "jurisdiction", "type", "properties")
API: Final = "admission.k8s.io/v1"
LONGEST_WARNING: Final = 256
LONGEST_NAME: Final = 253
MOST_PLACES: Final = 64
_HEX: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_IN_ADDRESS: Final = re.compile(r"@sha256:([0-9a-f]{64})$")
_JOBS: Final = frozenset({"Job", "CronJob"})
_TEMPLATED: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})
# Words of a KServe predictor that hold one framework's settings in older manifests.
_FRAMEWORKS: Final = (
    "model", "sklearn", "xgboost", "lightgbm", "tensorflow", "pytorch", "triton", "onnx", "pmml", "paddle",
    "huggingface",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One question of an API server.

    Parameters
    ----------
    loads : tuple of Load
        Every place of the resource that loads a model; empty where the kind loads none.
    gone : bool
        Whether it is taken away, or waits for its end unchanged, which needs no permission.
    """

    uid: str
    kind: str
    name: str
    namespace: str
    operation: str
    dry_run: bool
    gone: bool
    loads: tuple[Load, ...]

    @property
    def slot(self) -> str:
        """What names the place in the cluster where it runs."""
        return f"{self.namespace}/{self.kind}/{self.name}"[:LONGEST_NAME]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One place that loads a model: what the annotations name, and what its own address says."""

    where: str
    model: str = ""
    version: str = ""
    digest: str = ""
    use: str = ""
    population: str = ""
    jurisdiction: str = ""
    type: str = ""
    properties: str = ""
    fault: str = ""


def read_review(document: Any, prefix: str = PREFIX) -> Review:
    """An AdmissionReview as a question; `prefix` stands before the slash of the annotations.

    Raises
    ------
    BadInput
        Where it is none: another version, no request, no uid.

    Examples
    --------
    >>> request = {"uid": "u", "operation": "DELETE", "kind": {"kind": "Deployment"}}
    >>> read_review({"apiVersion": API, "kind": "AdmissionReview", "request": request}).gone
    True
    """
    body = _mapping(document)
    if (body.get("apiVersion"), body.get("kind")) != (API, "AdmissionReview"):
        raise BadInput(f"The body is no AdmissionReview of {API}: it says {str(body.get('kind'))[:80]!r}.")
    request = _mapping(body.get("request"))
    uid = request.get("uid")
    if not isinstance(uid, str) or not 0 < len(uid) <= 128:
        raise BadInput('The AdmissionReview\'s request has no "uid".')
    kind = _text(_mapping(request.get("kind")).get("kind"))
    found = _mapping(request.get("object"))
    gone = request.get("operation") == "DELETE" or _ending(found, _mapping(request.get("oldObject")))
    return Review(
        uid=uid,
        kind=kind,
        name=_text(request.get("name")) or _text(_mapping(found.get("metadata")).get("name")),
        namespace=_text(request.get("namespace")),
        operation=_text(request.get("operation")),
        dry_run=request.get("dryRun") is True,
        gone=gone,
        loads=() if gone else tuple(loads(kind, found, prefix)),
    )


def _ending(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether only the end is awaited: the API server marked it, and what it runs is as before."""
    marked = bool(_mapping(old.get("metadata")).get("deletionTimestamp"))
    return marked and new.get("spec") == old.get("spec") and _notes(new) == _notes(old)


def loads(kind: str, resource: Mapping[str, Any], prefix: str = PREFIX) -> list[Load]:
    """Every place of a resource that loads a model.

    Examples
    --------
    >>> names = {"model": "credit-pd", "version": "3", "digest": "0" * 64}
    >>> notes = {f"{PREFIX}/{name}": value for name, value in names.items()}
    >>> one, = loads("Model", {"metadata": {"annotations": notes}, "spec": {"storageUri": "s3://m/3"}})
    >>> one.where, one.model, one.digest[:9]
    ('spec.storageUri', 'credit-pd', 'sha256:00')
    """
    places = list(_places(kind, resource))
    usual = "batch_job" if kind in _JOBS else "service"
    if len(places) > MOST_PLACES:
        fault = f"It loads {len(places)} models; at most {MOST_PLACES} are looked at."
        return [Load(where="spec", fault=fault)]
    several = len({address for _, _, address in places if address}) > 1
    return [_load(where, _named(notes, prefix, usual), address, several) for where, notes, address in places]


def _named(notes: Mapping[str, Any], prefix: str, usual: str) -> dict[str, str]:
    found = {name: _text(notes.get(f"{prefix}/{name}")) for name in _NAMES}
    return {**found, "type": found["type"] or usual}


def _load(where: str, named: dict[str, str], address: str, several: bool) -> Load:
    digest, fault = _digest(named["digest"])
    own = _IN_ADDRESS.search(address)
    if own:
        if digest and digest != f"sha256:{own[1]}" and not several:
            fault = f"{where} loads sha256:{own[1]}; the annotation names {digest}."
        digest = f"sha256:{own[1]}"
    return Load(where=where, **{**named, "digest": digest}, fault=fault or _missing(where, named, digest) or (
        _unnamed(where, address) if several and address and not own else ""
    ))  # fmt: skip


def _missing(where: str, named: Mapping[str, str], digest: str) -> str:
    said = {**named, "digest": digest}
    absent = next((name for name in ("model", "version", "digest") if not said[name]), "")
    return f"{where} loads a model, and the annotation “{absent}” is missing." if absent else ""


def _unnamed(where: str, address: str) -> str:
    return (
        f"{where} loads {address[:120]}, one of several models: its address must end in @sha256:…, since one "
        "annotation cannot speak of all."
    )


def _digest(text: str) -> tuple[str, str]:
    if not text:
        return "", ""
    found = _HEX.fullmatch(text)
    return (f"sha256:{found[1]}", "") if found else ("", f"The digest {text[:80]!r} is no SHA-256.")


# Where models are loaded -----------------------------------------------------------------------------------

_Place = tuple[str, Mapping[str, Any], str]


def _places(kind: str, resource: Mapping[str, Any]) -> Iterator[_Place]:
    spec, notes = _mapping(resource.get("spec")), _notes(resource)
    if kind == "InferenceService":
        yield from _inference(spec, notes)
    elif kind == "LLMInferenceService":
        yield from _llm(spec, notes)
    elif kind == "SeldonDeployment":
        yield from _seldon(spec, notes)
    elif kind == "Model":
        yield "spec.storageUri", notes, _text(spec.get("storageUri"))
    elif kind in _TEMPLATED:
        yield from _template("spec.template", _mapping(spec.get("template")), notes)
    elif kind == "CronJob":
        job = _mapping(_mapping(spec.get("jobTemplate")).get("spec"))
        yield from _template("spec.jobTemplate.spec.template", _mapping(job.get("template")), notes)
    elif kind == "Pod":
        yield from _pod("spec", spec, notes)
    else:
        yield "spec", notes, ""


def _inference(spec: Mapping[str, Any], notes: Mapping[str, Any]) -> Iterator[_Place]:
    for part in ("predictor", "transformer", "explainer", "canary"):
        if part in spec:
            yield from _component(f"spec.{part}", _mapping(spec[part]), notes, needed=part == "predictor")
    if "predictor" not in spec:
        yield "spec.predictor", notes, ""


def _component(
    where: str, part: Mapping[str, Any], notes: Mapping[str, Any], *, needed: bool
) -> Iterator[_Place]:
    seen = False
    for word in _FRAMEWORKS:
        if word in part:
            seen = True
            held = _mapping(part[word])
            storage = held.get("storageUri") or _mapping(held.get("storage")).get("path")
            yield f"{where}.{word}", notes, _text(storage)
    for container in _dicts(part.get("containers")):
        seen = True
        yield from _container(f"{where}.containers", container, notes)
    if needed and not seen:
        yield where, notes, ""


def _llm(spec: Mapping[str, Any], notes: Mapping[str, Any]) -> Iterator[_Place]:
    model = _mapping(spec.get("model"))
    yield "spec.model", notes, _text(model.get("uri"))
    adapters = _mapping(model.get("lora")).get("adapters")
    for number, adapter in enumerate(_dicts(adapters)):
        yield f"spec.model.lora.adapters[{number}]", notes, _text(adapter.get("uri"))


def _seldon(spec: Mapping[str, Any], notes: Mapping[str, Any]) -> Iterator[_Place]:
    predictors = list(_dicts(spec.get("predictors")))
    for number, predictor in enumerate(predictors):
        yield from _graph(
            f"spec.predictors[{number}].graph", _mapping(predictor.get("graph")), notes, depth=0
        )
    if not predictors:
        yield "spec.predictors", notes, ""


def _graph(where: str, node: Mapping[str, Any], notes: Mapping[str, Any], *, depth: int) -> Iterator[_Place]:
    yield where, notes, _text(node.get("modelUri"))
    if depth > 16:
        yield f"{where}.children", {}, ""  # nothing legitimate is nested so deep; without a name it is denied
        return
    for number, child in enumerate(_dicts(node.get("children"))):
        yield from _graph(f"{where}.children[{number}]", child, notes, depth=depth + 1)


def _template(where: str, template: Mapping[str, Any], notes: Mapping[str, Any]) -> Iterator[_Place]:
    own = _notes(template)
    yield from _pod(f"{where}.spec", _mapping(template.get("spec")), {**notes, **own})


def _pod(where: str, spec: Mapping[str, Any], notes: Mapping[str, Any]) -> Iterator[_Place]:
    """A pod serves one model by its annotations; a container that is told another loads that too."""
    yield where, notes, ""
    for part in ("containers", "initContainers", "ephemeralContainers"):
        for number, container in enumerate(_dicts(spec.get(part))):
            address = _loaded_by(container)
            if address:
                yield f"{where}.{part}[{number}]", notes, address


def _container(where: str, container: Mapping[str, Any], notes: Mapping[str, Any]) -> Iterator[_Place]:
    yield f"{where}[{_text(container.get('name'))}]", notes, _loaded_by(container)


def _loaded_by(container: Mapping[str, Any]) -> str:
    """The address of a model that a container is told by its environment, as model servers read it."""
    for entry in _dicts(container.get("env")):
        if entry.get("name") in ("STORAGE_URI", "MODEL_URI"):
            return _text(entry.get("value"))
    return ""


def _notes(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(_mapping(resource.get("metadata")).get("annotations"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _dicts(value: Any) -> Sequence[Mapping[str, Any]]:
    return [_mapping(one) for one in value] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value[:1000] if isinstance(value, str) else ""


# The answer ------------------------------------------------------------------------------------------------


def answer(
    uid: str, *, allowed: bool, message: str = "", warnings: Sequence[str] = (), notes: Mapping[str, str]
) -> dict[str, Any]:
    """The AdmissionReview that answers a question.

    Examples
    --------
    >>> answer("u", allowed=False, message="No.", notes={})["response"]["status"]
    {'code': 403, 'message': 'No.', 'reason': 'Forbidden'}
    """
    response: dict[str, Any] = {"uid": uid, "allowed": allowed}
    if not allowed:
        response["status"] = {"code": 403, "message": message[:4000], "reason": "Forbidden"}
    if warnings:
        response["warnings"] = [_short(one) for one in warnings[:8]]
    if notes:
        response["auditAnnotations"] = dict(notes)
    return {"apiVersion": API, "kind": "AdmissionReview", "response": response}


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_WARNING else text[: LONGEST_WARNING - 1] + "…"
