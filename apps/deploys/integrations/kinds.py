"""The kinds of integrations: which settings each takes, which secrets, and what it may be told at.

Settings are data. A kind says of each what it must look like; what a kind does not know is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from apps.access.text import clean
from apps.audit.errors import Invalid
from apps.engine.errors import BadInput
from apps.engine.manifest_endpoint import url_fault
from apps.outside.permits import Permits

NUMBER = re.compile(r"[0-9]{1,20}")
NUMBERS = re.compile(r"[0-9]{1,20}( [0-9]{1,20})*")
WORDS = re.compile(r"[\x21-\x7e]{1,300}")
URL = re.compile(r"https?://[\x21-\x7e]{1,300}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a kind; `form` is what it must match, `choices` all that it may be."""

    name: str
    title: str
    help: str = ""
    form: re.Pattern[str] = WORDS
    choices: tuple[str, ...] = ()
    default: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One secret of a kind: made here and shown once, or given by whoever sets the integration up."""

    name: str
    title: str
    help: str = ""
    given: bool = False
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind. `hook` is the word of its address below /hooks/, empty where it calls nothing there."""

    key: str
    title: str
    sentence: str
    settings: tuple[Setting, ...] = ()
    secrets: tuple[Secret, ...] = ()
    hosts: tuple[str, ...] = ()
    hook: str = ""
    guide: str = ""
    bound: bool = True


_WEBHOOK = Secret(
    name="webhook", title="Webhook secret", help="Signs what comes in; typed in on the other side."
)
_BEARER = Secret(
    name="webhook", title="Bearer secret", help="Comes with every call; typed in on the other side."
)

_ENVIRONMENT = Setting(
    name="environment",
    title="Environment",
    form=re.compile(r"[a-z0-9][a-z0-9_-]{0,79}"),
    help="For which the cluster is answered, whatever it says of itself.",
)
_CERTIFICATE = Setting(
    name="certificate",
    title="Fingerprint of the client certificate",
    form=re.compile(r"[0-9a-f]{64}"),
    help="SHA-256 in hexadecimal; the proxy alone tells it, in X-Client-Certificate-SHA256.",
    required=False,
)

_OTHERS = Setting(
    name="others",
    title="Where somebody else changes the mark",
    choices=("put-right", "tell"),
    default="put-right",
    help="A finding is opened in any case; an approval that somebody took away is not given back by itself.",
)
_DESTINATION = "Comes as X-Countersign-Key with every event; typed in at the connection of EventBridge."
_NOTIFICATION = "Comes with every notification of a job; typed in at its destination, with any user name."

KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind(
            key="ci-oidc",
            title="Identity of pipelines (OpenID Connect)",
            sentence="Jobs of GitHub Actions or GitLab CI ask with the identity that their platform signs; "
            "no token is stored anywhere.",
            settings=(
                Setting(
                    name="flavour",
                    title="Platform",
                    choices=("github", "gitlab"),
                    default="github",
                    help="Says which claims name the repository and its owner.",
                ),
                Setting(
                    name="issuer",
                    title="Issuer",
                    form=URL,
                    default="https://token.actions.githubusercontent.com",
                    help="Exactly as the tokens say it.",
                ),
                Setting(name="audience", title="Audience", help="Exactly what the job asks its token for."),
                Setting(
                    name="owners",
                    title="Numbers of the owners",
                    form=NUMBERS,
                    required=False,
                    help="repository_owner_id or namespace_id; of several, with blanks between.",
                ),
                Setting(
                    name="events",
                    title="Events that may ask",
                    default="push workflow_dispatch release schedule deployment",
                    form=re.compile(r"[a-z_]+( [a-z_]+)*"),
                    help="event_name or pipeline_source; one of a pull request may never.",
                ),
            ),
            hosts=("token.actions.githubusercontent.com",),
            guide="github-actions",
        ),
        Kind(
            key="cluster-oidc",
            title="Identity of clusters (service accounts)",
            sentence="Jobs and pods of a cluster ask and report with the token that the cluster projects "
            "into them; no token is stored anywhere.",
            settings=(
                Setting(
                    name="issuer",
                    title="Issuer",
                    form=URL,
                    help="Exactly as the tokens say it: kubectl get --raw /.well-known/openid-configuration",
                ),
                Setting(name="audience", title="Audience", help="Exactly what the volume asks a token for."),
            ),
            secrets=(
                Secret(
                    name="jwks",
                    title="Keys of the cluster (JWKS)",
                    given=True,
                    help="Where the issuer cannot be asked from here: kubectl get --raw /openid/v1/jwks. "
                    "Without them it is asked, at the hosts that are named.",
                ),
            ),
            guide="argo",
        ),
        Kind(
            key="github",
            title="GitHub deployment protection rule",
            sentence="A GitHub App holds each deployment to an environment until the deploy gate answers.",
            settings=(
                Setting(name="app_id", title="App id", form=NUMBER),
                Setting(name="api", title="API", form=URL, default="https://api.github.com"),
            ),
            secrets=(
                _WEBHOOK,
                Secret(name="private_key", title="Private key of the App", help="PEM, RSA.", given=True),
            ),
            hosts=("api.github.com",),
            hook="github",
            guide="github",
        ),
        Kind(
            key="gitlab",
            title="GitLab status checks and deployment approvals",
            sentence="Merge requests and blocked deployments are told what the deploy gate answers.",
            settings=(
                Setting(name="base", title="GitLab", form=URL, default="https://gitlab.com"),
                Setting(
                    name="signed",
                    title="How deliveries prove themselves",
                    choices=("signature", "token"),
                    default="signature",
                    help="token: the secret itself stands in a header, as older versions send it.",
                ),
            ),
            secrets=(
                Secret(name="webhook", title="Webhook secret", prefix="whsec_", help=_WEBHOOK.help),
                Secret(name="token", title="Access token", help="Scope api, role Developer.", given=True),
            ),
            hosts=("gitlab.com",),
            hook="gitlab",
            guide="gitlab",
        ),
        Kind(
            key="azure",
            title="Azure DevOps check",
            sentence="An Invoke REST API check holds a stage until the deploy gate has answered.",
            secrets=(_BEARER,),
            hosts=("dev.azure.com",),
            hook="azure",
            guide="azure-devops",
        ),
        Kind(
            key="jenkins",
            title="Jenkins",
            sentence="A pipeline asks, frees its executor and is told at a hook of its own.",
            secrets=(_BEARER,),
            hook="jenkins",
            guide="jenkins",
        ),
        Kind(
            key="mlflow",
            title="MLflow model registry",
            sentence="Versions and their runs are read; the tag governance.status and the alias approved say "
            "there what the deploy gate answers.",
            settings=(
                Setting(name="base", title="Tracking server", form=URL, help="https://mlflow.bank.example"),
                Setting(
                    name="user",
                    title="User name",
                    help="Where the server asks for one with a password; a token needs none.",
                    required=False,
                ),
                Setting(
                    name="models",
                    title="Models whose name begins with",
                    form=re.compile(r"[^\s'\"\\]{1,100}( [^\s'\"\\]{1,100}){0,19}"),
                    help="Of several beginnings, with blanks between; empty reads every model.",
                    required=False,
                ),
                Setting(
                    name="file",
                    title="File of the model",
                    form=re.compile(r"[A-Za-z0-9._-]{1,120}"),
                    help="Where a version has several files that could be it, such as model.onnx.",
                    required=False,
                ),
                _OTHERS,
            ),
            secrets=(
                Secret(
                    name="webhook",
                    title="Webhook secret",
                    help="Signs what comes in; given to MLflow when the webhook is made.",
                ),
                Secret(name="token", title="Token or password", help="May read and tag models.", given=True),
            ),
            hook="mlflow",
            guide="mlflow",
        ),
        Kind(
            key="huggingface",
            title="Hugging Face Hub",
            sentence="A new commit on main of a repository becomes a draft of a version.",
            settings=(
                Setting(name="base", title="Hub", form=URL, default="https://huggingface.co"),
                Setting(
                    name="repos",
                    title="Repositories",
                    form=re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?( [\w.-]{1,96}(/[\w.-]{1,96})?){0,4}"),
                    help="bank/credit-pd; of several, with blanks between.",
                ),
                Setting(
                    name="file",
                    title="File of the model",
                    form=re.compile(r"[A-Za-z0-9._/-]{1,300}"),
                    help="Where a repository has several files that could be it.",
                    required=False,
                ),
            ),
            secrets=(
                Secret(name="webhook", title="Webhook secret", help="Typed in at the webhook on the Hub."),
                Secret(name="token", title="Access token", help="For private repositories.", given=True),
            ),
            hosts=("huggingface.co",),
            hook="huggingface",
            guide="hugging-face",
        ),
        Kind(
            key="cloudevents",
            title="CloudEvents",
            sentence="Monitors, clusters and data platforms tell what runs, what feeds what, what is wrong.",
            settings=(
                Setting(
                    name="signed",
                    title="How events prove themselves",
                    choices=("signature", "key"),
                    default="signature",
                    help="signature: as Standard Webhooks; key: the secret in X-Countersign-Key.",
                ),
                Setting(
                    name="origins",
                    title="Origins that may ask to deliver",
                    help="Of a sender that asks with OPTIONS first, such as eventgrid.azure.net.",
                    form=re.compile(r"[\x21-\x7e]{1,120}( [\x21-\x7e]{1,120}){0,9}"),
                    required=False,
                ),
            ),
            secrets=(Secret(name="webhook", title="Secret", prefix="whsec_", help=_WEBHOOK.help),),
            hook="cloudevents",
            guide="cloudevents",
            bound=False,
        ),
        Kind(
            key="sagemaker",
            title="Amazon SageMaker model registry",
            sentence="Model packages are read; their approval status is what the deploy gate answers.",
            settings=(
                Setting(name="region", title="Region", form=re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")),
                Setting(name="key_id", title="Access key id", form=re.compile(r"[A-Z0-9]{16,128}")),
                Setting(
                    name="groups",
                    title="Groups whose name holds",
                    form=re.compile(r"[A-Za-z0-9-]{1,63}"),
                    help="Empty reads every group of model packages.",
                    required=False,
                ),
                Setting(
                    name="endpoint",
                    title="Endpoint",
                    form=URL,
                    help="Only where it is not the usual one, as inside a private network.",
                    required=False,
                ),
                _OTHERS,
            ),
            secrets=(
                Secret(name="webhook", title="Key of the API destination", help=_DESTINATION),
                Secret(
                    name="secret_key",
                    title="Secret access key",
                    help="It may list, describe and update model packages.",
                    given=True,
                ),
                Secret(
                    name="session",
                    title="Temporary credentials",
                    help="Instead of the key: the JSON of aws sts assume-role, with its token and its end. "
                    "While some are kept, nothing else is used.",
                    given=True,
                ),
            ),
            hook="sagemaker",
            guide="sagemaker",
        ),
        Kind(
            key="databricks",
            title="Databricks Unity Catalog",
            sentence="Model versions are read; the tag that a deployment job awaits is set while the deploy "
            "gate allows the version, and taken away when it does not.",
            settings=(
                Setting(name="workspace", title="Workspace", form=URL, help="https://dbc-….databricks.com"),
                Setting(
                    name="schemas",
                    title="Schemas",
                    form=re.compile(r"[\w-]{1,100}\.[\w-]{1,100}( [\w-]{1,100}\.[\w-]{1,100}){0,19}"),
                    help="catalog.schema; of several, with blanks between.",
                ),
                Setting(
                    name="task",
                    title="Name of the approval task",
                    form=re.compile(r"[A-Za-z0-9_ ]{1,100}"),
                    help="The task of the deployment job; the tag has the same name.",
                ),
                _OTHERS,
            ),
            secrets=(
                Secret(name="webhook", title="Password of the notification", help=_NOTIFICATION),
                Secret(name="token", title="Access token", help="Of a service principal.", given=True),
            ),
            hook="databricks",
            guide="databricks",
        ),
        Kind(
            key="kubernetes",
            title="Kubernetes cluster",
            sentence="The API server asks before a model server runs: what is not allowed is not admitted.",
            settings=(
                _ENVIRONMENT,
                Setting(
                    name="prefix",
                    title="Prefix of the annotations",
                    form=re.compile(r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?"),
                    default="countersign.dev",
                    help="Before the slash: prefix/model, prefix/version, prefix/digest.",
                ),
                _CERTIFICATE,
            ),
            hook="kubernetes",
            guide="kubernetes",
            bound=False,
        ),
        Kind(
            key="gatekeeper",
            title="Gatekeeper external data",
            sentence="OPA Gatekeeper asks for keys such as production|credit-pd|3|sha256:… and keeps what it "
            "is told for three minutes: so long a revocation needs to reach the cluster.",
            settings=(_ENVIRONMENT, _CERTIFICATE),
            hook="gatekeeper",
            guide="kubernetes",
            bound=False,
        ),
    )
}


def kind_of(key: str) -> Kind:
    """The kind of that name."""
    if key not in KINDS:
        raise Invalid(
            f"There is no kind “{key}” of integration; it is one of {', '.join(KINDS)}.", field="kind"
        )
    return KINDS[key]


def checked(kind: Kind, given: Mapping[str, str]) -> dict[str, str]:
    """The settings of a kind, each of its form; what the kind does not know is refused."""
    known = {setting.name for setting in kind.settings}
    if extra := sorted(set(given) - known):
        raise Invalid(
            f"“{extra[0][:80]}” is no setting of {kind.title}; it has {', '.join(sorted(known)) or 'none'}.",
            field=extra[0][:80],
        )
    found = {setting.name: _setting(setting, given.get(setting.name, "")) for setting in kind.settings}
    return {name: value for name, value in found.items() if value}


def _setting(setting: Setting, text: str) -> str:
    value = clean(text, field=setting.name, longest=400) or setting.default
    if not value:
        if setting.required:
            raise Invalid(f"“{setting.title}” is empty.", field=setting.name)
        return ""
    if setting.choices and value not in setting.choices:
        raise Invalid(
            f"“{setting.title}” is {' or '.join(setting.choices)}, not “{value}”.", field=setting.name
        )
    if not setting.form.fullmatch(value) or (setting.form is URL and (url_fault(value) or _adorned(value))):
        raise Invalid(f"“{setting.title}” cannot be “{value[:80]}”.", field=setting.name)
    return value.rstrip("/") if setting.form is URL and setting.name != "issuer" else value


def _adorned(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.query or parts.fragment or parts.username)


def hosts_named(text: str) -> list[str]:
    """The hosts that may be told something, one a word; each as host, host:port or http://host."""
    entries = text.split()
    if len(entries) > 20:
        raise Invalid(f"{len(entries)} hosts are named; at most 20 may be.", field="hosts")
    try:
        Permits.of(entries)
    except BadInput as fault:
        raise Invalid(str(fault).replace("COUNTERSIGN_ENDPOINTS", "“hosts”"), field="hosts") from None
    return entries


def secret_of(kind: Kind, name: str) -> Secret:
    """One of the secrets of a kind."""
    found = {secret.name: secret for secret in kind.secrets}
    if name not in found:
        raise Invalid(f"{kind.title} has no secret “{name[:40]}”.", field="name")
    return found[name]
