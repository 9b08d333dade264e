"""What to do on the other side, step by step, with the very values that are typed in there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `value` is what is copied, empty where nothing is."""

    sentence: str
    value: str = ""


def _steps(*given: tuple[str, str] | str) -> tuple[Step, ...]:
    return tuple(Step(one) if isinstance(one, str) else Step(*one) for one in given)


_SECRET = "Type in what was shown once; where it is lost a new one is made below."  # noqa: S105 - a sentence
_BIND = "Come back here and bind each {what} to a model: what nothing is bound to is denied."

_ADDRESS = "The address is the secret: keep it to yourselves, or name a client certificate in the settings."

# {address} is where the other side calls, {base} where this installation is.
STEPS: Mapping[str, tuple[Step, ...]] = {
    "ci-oidc": _steps(
        ("In the job, let the platform sign an identity for this audience:", "{audience}"),
        ("Give the job this address, and no token:", "COUNTERSIGN_URL={base}"),
        "GitHub: “permissions: id-token: write”, then the action of docs/integrations/github-action. "
        "GitLab: include docs/integrations/gitlab/countersign.gitlab-ci.yml.",
        _BIND.format(what="repository or project, by its number,"),
    ),
    "cluster-oidc": _steps(
        ("Project a service account token into the pod, for this audience:", "{audience}"),
        ("Give the container this address:", "COUNTERSIGN_URL={base}"),
        _BIND.format(what="namespace and service account"),
    ),
    "github": _steps(
        "Make a GitHub App: Actions read, Deployments write, and the event Deployment protection rule.",
        ("As its webhook URL type in:", "{address}"),
        _SECRET,
        "Make a private key of the App and give it below; then try the way out.",
        "Install the App, and turn its rule on in the environment's settings.",
        _BIND.format(what="repository, by its number,"),
    ),
    "gitlab": _steps(
        "Make an access token with the scope api of a user who may approve deployments; give it below.",
        ("Add a project webhook with deployment events, or a status check, at:", "{address}"),
        _SECRET,
        "Protect the environment and let that user approve.",
        _BIND.format(what="project, by its number,"),
    ),
    "azure": _steps(
        ("Make a Generic service connection with this server URL:", "{address}"),
        "As its password type the secret in that was shown once.",
        "Add the check Invoke REST API to the environment: POST, completion event Callback, no minutes "
        "between evaluations.",
        (
            "As its body type in:",
            '{{"environment": "production", "version": "$(MODEL_VERSION)", "digest": "$(MODEL_DIGEST)"}}',
        ),
        _BIND.format(what="project, by its GUID in small letters,"),
    ),
    "jenkins": _steps(
        ("In the pipeline, post the question with the hook of the step to:", "{address}"),
        "Keep the secret as a credential of Jenkins; it goes along as a bearer.",
        "docs/integrations/jenkins/Jenkinsfile.waiting holds the whole step.",
        _BIND.format(what="job, by its full name,"),
    ),
    "mlflow": _steps(
        "Give a token or password below, of somebody who may read and tag models; then try the way out.",
        ("Make a webhook for model versions, their tags and aliases, at:", "{address}"),
        _SECRET,
        (
            "If this installation lies inside your network, MLflow refuses it until it is started with:",
            "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true",
        ),
        _BIND.format(what="registered model, by its name,"),
    ),
    "huggingface": _steps(
        ("In the settings of the Hub, add a webhook for changes of the repositories, at:", "{address}"),
        _SECRET,
        "For private repositories give an access token below.",
        _BIND.format(what="repository"),
    ),
    "openlineage": _steps(
        ("Point the HTTP transport of OpenLineage to:", "{base}/api/v1/lineage"),
    ),
    "cloudevents": _steps(
        ("Have events sent, in structured mode, to:", "{address}"),
        _SECRET,
        "A sender that asks with OPTIONS first is answered where its origin is named in the settings.",
    ),
    "sagemaker": _steps(
        "Make a user in IAM that may list, describe and update model packages; give its secret access key "
        "below, and try the way out.",
        (
            "In EventBridge make a connection with an API key of this name, and the secret as its value:",
            "X-Countersign-Key",
        ),
        ("Make an API destination (POST) with this endpoint:", "{address}"),
        (
            "Make a rule that sends it these events:",
            '{{"source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"]}}',
        ),
        (
            "Where packages are made, tell the digest of the registered artifact as customer metadata:",
            "countersign_digest",
        ),
        _BIND.format(what="group of model packages, by its name,"),
    ),
    "databricks": _steps(
        "Make a token of a service principal that may apply tags to the models; give it below, and try "
        "the way out.",
        ("Call the approval task of the deployment job exactly:", "{task}"),
        (
            "Add a webhook destination to the job, with any user name and the secret as password, at:",
            "{address}",
        ),
        (
            "Where versions are logged, tag each with the digest of the registered artifact:",
            "countersign_digest",
        ),
        _BIND.format(what="model, by its full name catalog.schema.model,"),
    ),
    "kubernetes": _steps(
        ("Point a ValidatingWebhookConfiguration with failurePolicy: Fail at:", "{address}"),
        _ADDRESS,
        "docs/integrations/kubernetes holds the configuration and a policy that requires the annotations.",
    ),
    "gatekeeper": _steps(
        ("Make a Provider of externaldata.gatekeeper.sh/v1beta1 with this url:", "{address}"),
        _ADDRESS,
    ),
}


def steps_of(kind: str, *, address: str, base: str, settings: Mapping[str, str]) -> list[Step]:
    """The steps of a kind with its values filled in; what is not known yet is named in brackets."""
    known = {"audience": "[audience]", "task": "[name of the task]", **settings}
    values = {**known, "address": address or "[address]", "base": base.rstrip("/")}
    return [
        Step(step.sentence, step.value.format_map(values) if step.value else "")
        for step in STEPS.get(kind, ())
    ]
