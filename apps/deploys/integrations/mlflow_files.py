"""The file of a version in MLflow: the only one that is data, or the one that the settings name."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from apps.deploys.integrations import heard
from apps.deploys.integrations.mlflow_calls import get, plain, proof
from apps.deploys.integrations.registries import File
from apps.deploys.integrations.sending import NotTold, expected, found_json
from apps.deploys.integrations.telling import Way

SUFFIXES = (".onnx", ".skops", ".ubj", ".xgb", ".lgb", ".pmml")
LARGEST = 64 << 20
_RUN = re.compile(r"runs:/([0-9a-zA-Z_-]{1,80})/([^?#]{1,200})")
_LOGGED = re.compile(r"models:/(m-[0-9a-zA-Z]{1,80})")
_FILES = "/api/2.0/mlflow-artifacts/artifacts"


def fetch(way: Way, name: str, number: str) -> File:
    """The file of a version, through MLflow's own proxy and from nowhere else."""
    told = get(way, "model-versions/get-download-uri", {"name": name, "version": number})
    uri = _resolved(way, heard.text(told, "artifact_uri", longest=1000))
    path = uri.removeprefix("mlflow-artifacts:").lstrip("/") if uri.startswith("mlflow-artifacts:/") else ""
    if not path or ".." in path.split("/") or uri.startswith("mlflow-artifacts://"):
        raise NotTold("The files lie where MLflow does not hand them out: start it with --serve-artifacts.")
    chosen = _chosen(way, path)
    url = f"{way.settings['base']}{_FILES}/{quote(f'{path}/{chosen}')}"
    answer = way.line.fetch(url, proof(way), most=LARGEST, seconds=120)
    return File(name=chosen, data=expected(answer, 200, of="MLflow").body)


def _resolved(way: Way, uri: str) -> str:
    """Where files lie that are named by the run that left them, or by the model that was logged."""
    if run := _RUN.fullmatch(uri):
        found = get(way, "runs/get", {"run_id": run[1]})
        root = heard.text(found, "run", "info", "artifact_uri", longest=800)
        return f"{root}/{run[2]}" if root else ""
    if logged := _LOGGED.fullmatch(uri):
        found = get(way, f"logged-models/{logged[1]}", {})
        return heard.text(found, "model", "info", "artifact_uri", longest=1000)
    return uri


def _chosen(way: Way, path: str) -> str:
    """The file that the settings name, or the only one of a form that is data and no code."""
    url = f"{way.settings['base']}{_FILES}?{urlencode({'path': path})}"
    found = plain(found_json(expected(way.line.get(url, proof(way)), 200, of="MLflow"), of="MLflow"))
    rows = found.get("files")
    listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    names = [heard.text(row, "path") for row in listed if row.get("is_dir") is False]
    wanted = way.settings.get("file", "")
    fits = [one for one in names if (one == wanted if wanted else one.endswith(SUFFIXES)) and "/" not in one]
    if len(fits) == 1:
        return fits[0]
    what = f"no file “{wanted}”" if wanted else f"{len(fits) or 'no'} files of a form that is data"
    raise NotTold(f"The version has {what}; name its file in the settings.")
