"""One adapter a kind: how a delivery is heard, and how the answer is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from apps.deploys.integrations import (
    azure,
    cloudevents,
    databricks,
    github,
    gitlab,
    huggingface,
    jenkins,
    mlflow,
    sagemaker,
)
from apps.deploys.integrations.heard import Delivery, Heard
from apps.deploys.integrations.registries import Registry
from apps.deploys.integrations.telling import Told, Way, nothing_to_tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What one kind can do; `reports` is how often it may be told that people still sign."""

    hear: Callable[[Delivery], Heard]
    tell: Callable[[Way, Told], None]
    manifest: Callable[[Way], bytes] | None = None
    missed: Callable[..., int] | None = None
    # What waits there by now, whether or not it was told of: each is taken in as a delivery would be.
    waiting: Callable[[Way, Sequence[str]], Iterator[Heard]] | None = None
    reports: int = 0
    media: str = "application/json"


ADAPTERS: Mapping[str, Adapter] = {
    "github": Adapter(
        hear=github.hear, tell=github.tell, manifest=github.manifest, missed=github.missed, reports=9
    ),
    "gitlab": Adapter(
        hear=gitlab.hear, tell=gitlab.tell, manifest=gitlab.manifest, waiting=gitlab.waiting, reports=1
    ),
    "azure": Adapter(hear=azure.hear, tell=azure.tell),
    "jenkins": Adapter(hear=jenkins.hear, tell=jenkins.tell),
    "sagemaker": Adapter(hear=sagemaker.hear, tell=nothing_to_tell),
    "databricks": Adapter(hear=databricks.hear, tell=nothing_to_tell),
    "mlflow": Adapter(hear=mlflow.hear, tell=nothing_to_tell),
    "huggingface": Adapter(hear=huggingface.hear, tell=nothing_to_tell),
    "cloudevents": Adapter(hear=cloudevents.hear, tell=nothing_to_tell, media=cloudevents.MEDIA),
}

# Those whose models are read, and marked as the deploy gate answers.
REGISTRIES: Mapping[str, Registry] = {
    "sagemaker": sagemaker.REGISTRY,
    "databricks": databricks.REGISTRY,
    "mlflow": mlflow.REGISTRY,
    "huggingface": huggingface.REGISTRY,
}
