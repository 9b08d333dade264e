"""Does the way out work? A small question that changes nothing on the other side."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from apps.access.issuers import issuer_at
from apps.audit.errors import Refused
from apps.deploys.integrations import databricks, github, huggingface, mlflow, sagemaker
from apps.deploys.integrations.sending import Line, NotTold, expected
from apps.deploys.integrations.standing import way_of
from apps.deploys.models import Integration
from apps.outside.permits import Permits


def tried(row: Integration) -> str:
    """What came of it, in one sentence; Refused where it does not work."""
    ask = _WAYS.get(row.kind)
    if ask is None:
        raise Refused("There is nothing to try: the other side says by itself where it is told.")
    try:
        return ask(row)
    except NotTold as fault:
        raise Refused(f"The way out does not work: {fault}") from None


def may_be_tried(row: Integration) -> bool:
    """Whether there is something to try."""
    return row.kind in _WAYS


def _github(row: Integration) -> str:
    headers = {"Authorization": f"Bearer {github.app_token(way_of(row))}"}
    expected(Line(row.hosts).get(f"{row.settings['api']}/app", headers), 200, of="GitHub")
    return "GitHub knows this App and takes its key."


def _gitlab(row: Integration) -> str:
    headers = {"PRIVATE-TOKEN": way_of(row).secret("token")}
    expected(Line(row.hosts).get(f"{row.settings['base']}/api/v4/user", headers), 200, of="GitLab")
    return "GitLab takes this access token."


def _issuer(row: Integration) -> str:
    issuer = issuer_at(row.settings["issuer"], Permits.of(row.hosts).allowed)
    issuer.place("jwks_uri")
    return f"{issuer.url} describes itself and names its keys."


def _sagemaker(row: Integration) -> str:
    return sagemaker.tried(way_of(row))


def _databricks(row: Integration) -> str:
    return databricks.tried(way_of(row))


def _mlflow(row: Integration) -> str:
    return mlflow.tried(way_of(row))


def _huggingface(row: Integration) -> str:
    return huggingface.tried(way_of(row))


_WAYS: Mapping[str, Callable[[Integration], str]] = {
    "github": _github,
    "gitlab": _gitlab,
    "ci-oidc": _issuer,
    "sagemaker": _sagemaker,
    "databricks": _databricks,
    "mlflow": _mlflow,
    "huggingface": _huggingface,
}
