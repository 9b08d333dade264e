"""Which version a pipeline speaks of: read as its binding says, named by digest where there is one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.audit.errors import NotFound, Refused
from apps.deploys.integrations import reading
from apps.deploys.integrations.adapters import ADAPTERS
from apps.deploys.integrations.telling import Way
from apps.deploys.models import Admission, Binding, Question
from apps.deploys.states import VersionFrom
from apps.engine.errors import BadInput
from apps.engine.manifest import read_manifest
from apps.inventory.models import ModelVersion

_LARGEST = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One question to the deploy gate."""

    model: str
    version: str
    environment: str
    use: str
    digest: str = ""
    deploy_type: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)

    def as_request(self) -> dict[str, Any]:
        """The words of it, as the deploy gate takes them."""
        return {
            "model": self.model,
            "version": self.version,
            "environment": self.environment,
            "use": self.use,
            "digest": self.digest,
            "deploy_type": self.deploy_type,
            "properties": self.properties,
        }

    def same(self, row: Admission) -> bool:
        """Whether an answer was given to this very question."""
        told = (row.model_key, row.version_label, row.environment)
        stated = (row.deploy_type, row.properties) == (self.deploy_type, dict(self.properties))
        same = told == (self.model, self.version, self.environment)
        return same and stated and self.use in ("", row.use)


def asked(question: Question, way: Way) -> list[Asking]:
    """The questions that a pipeline's question comes to; Refused where it comes to nothing."""
    found = reading.bound(question.integration, question.source, question.place)
    if not found:
        raise NotFound(
            f"Nothing is bound to “{question.place}” of {question.source}: bind a model to it first."
        )
    return [one for binding in found for one in _by(binding, question, way)]


def _by(binding: Binding, question: Question, way: Way) -> Iterator[Asking]:
    read = {
        VersionFrom.MANIFEST: _from_manifest,
        VersionFrom.COMMIT: _from_commit,
        VersionFrom.REF: _from_ref,
        VersionFrom.ASKED: _from_caller,
        VersionFrom.FIXED: _fixed,
    }[VersionFrom(binding.version_from)]
    version, digest = read(binding, question, way)
    yield Asking(
        model=binding.model.key,
        version=version,
        environment=binding.environment.key,
        use=binding.use,
        digest=digest,
        deploy_type=binding.deploy_type,
        properties=binding.properties,
    )


def _fixed(binding: Binding, question: Question, way: Way) -> tuple[str, str]:
    return binding.version, str(question.where.get("digest", ""))


def _from_caller(binding: Binding, question: Question, way: Way) -> tuple[str, str]:
    version = str(question.where.get("version", ""))
    if not version:
        raise NotFound("The pipeline names no version, and its binding says that it does.")
    return version, str(question.where.get("digest", ""))


def _from_ref(binding: Binding, question: Question, way: Way) -> tuple[str, str]:
    """The tag is the label, with or without a v before it."""
    tag = question.ref.removeprefix("refs/tags/")
    labels = [tag, tag[1:]] if tag[:1] == "v" else [tag]
    rows = ModelVersion.objects.filter(model=binding.model, label__in=[label for label in labels if label])
    if found := rows.order_by("-label").first():
        return found.label, found.digest
    raise NotFound(f"{binding.model.key} has no version of the tag “{tag[:80]}”.")


def _from_commit(binding: Binding, question: Question, way: Way) -> tuple[str, str]:
    rows = ModelVersion.objects.filter(
        model=binding.model, manifest__spec__source__commit=question.commit or "no commit"
    )
    found = list(rows[:2])
    if len(found) != 1:
        many = "several versions" if found else "no version"
        raise NotFound(f"{binding.model.key} has {many} whose source is the commit {question.commit[:12]}.")
    return found[0].label, found[0].digest


def _from_manifest(binding: Binding, question: Question, way: Way) -> tuple[str, str]:
    """What the repository says at that commit; its very bytes must be those that were registered."""
    read = ADAPTERS[question.integration.kind].manifest
    if read is None or not question.commit:
        raise Refused("No manifest can be read from there; bind the model in another way.")
    raw = read(way)
    if len(raw) > _LARGEST:
        raise Refused("The manifest at that commit is larger than a manifest may be.")
    try:
        manifest = read_manifest(raw)
    except BadInput as fault:
        raise Refused(f"The manifest at that commit cannot be read: {fault}") from None
    if manifest.model != binding.model.key:
        raise Refused(f"The manifest at that commit is of {manifest.model}, not of {binding.model.key}.")
    return manifest.version, f"sha256:{hashlib.sha256(raw).hexdigest()}"
