"""MLflow on the other side, twice: a small one that answers as the real one was heard to, and the real one.

The real one is started from an environment of its own: COUNTERSIGN_MLFLOW names its program. The same tests
are held against both, so that the small one cannot drift away from what it stands for.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from tests.chaos.brokers import free_port
from tests.cli.loopback import Asked, Told, loopback

API, FILES = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts"


class Side(Protocol):
    """What a test does on the other side, as somebody who works there."""

    url: str

    def post(self, path: str, body: dict[str, Any], method: str = "POST") -> Any: ...
    def upload(self, path: str, data: bytes) -> None: ...


class Registry:
    """One model on one side."""

    def __init__(self, side: Side, name: str = "") -> None:
        self.side, self.name = side, name or f"pd-{uuid.uuid4().hex[:8]}"
        side.post("registered-models/create", {"name": self.name, "description": "Probability of default"})
        made = side.post("experiments/create", {"name": self.name})
        self.experiment = made["experiment_id"]
        self.runs = 0

    def run(self) -> dict[str, Any]:
        self.runs += 1
        asked = {"experiment_id": self.experiment, "start_time": 1763800000000 + self.runs}
        info: dict[str, Any] = self.side.post("runs/create", asked)["run"]["info"]
        told = {"run_id": info["run_id"], "key": "auc", "value": 0.8, "timestamp": 1, "step": 0}
        self.side.post("runs/log-metric", told)
        self.side.post("runs/log-parameter", {"run_id": info["run_id"], "key": "C", "value": "0.5"})
        return info

    def version(self, data: bytes, *, file: str = "model.onnx") -> str:
        """A version made by a run of its own."""
        info = self.run()
        root = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
        if data:
            self.side.upload(f"{root}/model/{file}", data)
            self.side.upload(f"{root}/model/MLmodel", b"flavors: {}\n")
        asked = {"name": self.name, "source": f"runs:/{info['run_id']}/model", "run_id": info["run_id"]}
        made = self.side.post("model-versions/create", asked)
        return str(made["model_version"]["version"])

    def replace(self, number: str, data: bytes) -> None:
        """Other bytes under the same name."""
        version = self.side.post(f"model-versions/get?name={self.name}&version={number}", {}, "GET")
        run = version["model_version"]["run_id"]
        uri = self.side.post(f"runs/get?run_id={run}", {}, "GET")["run"]["info"]["artifact_uri"]
        self.side.upload(f"{uri.removeprefix('mlflow-artifacts:/')}/model/model.onnx", data)

    def tag(self, number: str) -> str:
        rows = self.side.post(f"model-versions/get?name={self.name}&version={number}", {}, "GET")
        tags = {tag["key"]: tag["value"] for tag in rows["model_version"].get("tags", [])}
        return tags.get("governance.status", "")

    def set_tag(self, number: str, value: str) -> None:
        body = {"name": self.name, "version": number, "key": "governance.status", "value": value}
        self.side.post("model-versions/set-tag", body)

    def alias(self) -> str:
        rows = self.side.post(f"registered-models/get?name={self.name}", {}, "GET")["registered_model"]
        found = {one["alias"]: one["version"] for one in rows.get("aliases", [])}
        return str(found.get("approved", ""))

    def set_alias(self, number: str) -> None:
        self.side.post("registered-models/alias", {"name": self.name, "alias": "approved", "version": number})

    def drop_alias(self) -> None:
        self.side.post("registered-models/alias", {"name": self.name, "alias": "approved"}, "DELETE")

    def drop(self, number: str) -> None:
        self.side.post("model-versions/delete", {"name": self.name, "version": number}, "DELETE")


# The small one ------------------------------------------------------------------------------------------


class Small:
    """Answers as MLflow 3.17.2 was heard to answer."""

    def __init__(self) -> None:
        self.url = ""
        self.models: dict[str, dict[str, Any]] = {}
        self.experiments: list[str] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.token = ""
        self.away = False

    def __call__(self, asked: Asked) -> Told:
        if self.away:
            return Told(503, {})
        if self.token and asked.headers.get("authorization") != f"Bearer {self.token}":
            return Told(401, {"error_code": "UNAUTHENTICATED"})
        url = urlsplit(asked.path)
        told = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path.startswith(FILES):
            return self._file(asked, unquote(url.path.removeprefix(FILES).lstrip("/")), told.get("path", ""))
        act = f"{asked.method.lower()}_{url.path.removeprefix(API).replace('/', '_').replace('-', '_')}"
        body = told if asked.method == "GET" else asked.json
        try:
            return Told(200, getattr(self, act)(body))
        except KeyError:
            return Told(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"})

    def _file(self, asked: Asked, path: str, folder: str) -> Told:
        if asked.method == "PUT":
            self.files[path] = asked.body
            return Told(200, {})
        if path:
            data = self.files.get(path)
            return Told(200, data) if data is not None else Told(404, {})
        names = [name.removeprefix(f"{folder}/") for name in self.files if name.startswith(f"{folder}/")]
        return Told(200, {"files": [{"path": n, "is_dir": False, "file_size": 1} for n in sorted(names)]})

    def post(self, path: str, body: dict[str, Any], method: str = "POST") -> Any:
        return _asked(f"{self.url}{API}{path}", body, method, self.token)

    def upload(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def post_registered_models_create(self, told: dict[str, Any]) -> Any:
        self.models[told["name"]] = {**told, "versions": {}, "alias": {}}
        return {"registered_model": told}

    def post_experiments_create(self, told: dict[str, Any]) -> Any:
        self.experiments.append(told["name"])
        return {"experiment_id": str(len(self.experiments))}

    def post_runs_create(self, told: dict[str, Any]) -> Any:
        key = uuid.uuid4().hex
        uri = f"mlflow-artifacts:/{told['experiment_id']}/{key}/artifacts"
        info = {**told, "run_id": key, "run_name": "calm-owl", "status": "RUNNING", "artifact_uri": uri}
        self.runs[key] = {"info": info, "data": {"metrics": [], "params": []}, "inputs": {}}
        return {"run": self.runs[key]}

    def post_runs_log_metric(self, told: dict[str, Any]) -> Any:
        self.runs[told.pop("run_id")]["data"]["metrics"].append(told)
        return {}

    def post_runs_log_parameter(self, told: dict[str, Any]) -> Any:
        self.runs[told.pop("run_id")]["data"]["params"].append(told)
        return {}

    def get_runs_get(self, told: dict[str, str]) -> Any:
        return {"run": self.runs[told["run_id"]]}

    def post_runs_search(self, told: dict[str, Any]) -> Any:
        """One a page, so that pages are followed."""
        rows = [r for r in self.runs.values() if r["info"]["experiment_id"] in told["experiment_ids"]]
        at = int(told.get("page_token", "0"))
        more = {"next_page_token": str(at + 1)} if at + 1 < len(rows) else {}
        return {"runs": rows[at : at + 1], **more}

    def post_model_versions_create(self, told: dict[str, Any]) -> Any:
        versions = self.models[told["name"]]["versions"]
        number = str(len(versions) + 1)
        versions[number] = {**told, "version": number, "current_stage": "None", "status": "READY", "tags": {}}
        return {"model_version": self._shown(told["name"], number)}

    def _shown(self, name: str, number: str) -> dict[str, Any]:
        row = self.models[name]["versions"][number]
        tags = [{"key": key, "value": value} for key, value in row["tags"].items()]
        return {**{k: v for k, v in row.items() if k != "tags"}, **({"tags": tags} if tags else {})}

    def get_model_versions_get(self, told: dict[str, str]) -> Any:
        return {"model_version": self._shown(told["name"], told["version"])}

    def get_model_versions_get_download_uri(self, told: dict[str, str]) -> Any:
        return {"artifact_uri": self.models[told["name"]]["versions"][told["version"]]["source"]}

    def get_model_versions_search(self, told: dict[str, str]) -> Any:
        name = told["filter"].removeprefix("name='").removesuffix("'")
        numbers = sorted(self.models[name]["versions"], key=int, reverse=True)
        return {"model_versions": [self._shown(name, number) for number in numbers]}

    def delete_model_versions_delete(self, told: dict[str, str]) -> Any:
        del self.models[told["name"]]["versions"][told["version"]]
        return {}

    def post_model_versions_set_tag(self, told: dict[str, str]) -> Any:
        self.models[told["name"]]["versions"][told["version"]]["tags"][told["key"]] = told["value"]
        return {}

    def _model(self, name: str) -> dict[str, Any]:
        row = self.models[name]
        aliases = [{"alias": alias, "version": number} for alias, number in row["alias"].items()]
        return {"name": name, "description": row["description"], **({"aliases": aliases} if aliases else {})}

    def get_registered_models_search(self, told: dict[str, str]) -> Any:
        return {"registered_models": [self._model(name) for name in sorted(self.models)]}

    def get_registered_models_get(self, told: dict[str, str]) -> Any:
        return {"registered_model": self._model(told["name"])}

    def post_registered_models_alias(self, told: dict[str, str]) -> Any:
        self.models[told["name"]]["alias"][told["alias"]] = told["version"]
        return {}

    def delete_registered_models_alias(self, told: dict[str, str]) -> Any:
        self.models[told["name"]]["alias"].pop(told["alias"], None)
        return {}


@contextmanager
def small() -> Iterator[Small]:
    """The small one, on the loopback."""
    found = Small()
    with loopback(found) as server:
        found.url = server.url
        yield found


# The real one -------------------------------------------------------------------------------------------


class Real:
    """A server of MLflow."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, body: dict[str, Any], method: str = "POST") -> Any:
        return _asked(f"{self.url}{API}{path}", body, method)

    def upload(self, path: str, data: bytes) -> None:
        request = urllib.request.Request(f"{self.url}{FILES}/{path}", data=data, method="PUT")  # noqa: S310
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


def _asked(url: str, body: dict[str, Any], method: str, token: str = "") -> Any:
    raw = None if method == "GET" else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, data=raw, headers=headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def program() -> str:
    """The program of MLflow, where there is one."""
    return os.environ.get("COUNTERSIGN_MLFLOW", "")


@contextmanager
def real(folder: Path) -> Iterator[Real]:
    """A server with an SQL store, whose webhooks may reach the loopback."""
    port = free_port()
    store = [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        f"{folder}/files",
    ]
    command = [program(), "server", *store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    open_to = {"MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true", "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https"}
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment = {**os.environ, **open_to, **quiet}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _until_up(f"http://127.0.0.1:{port}", server)
        yield Real(f"http://127.0.0.1:{port}")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(30)


def _until_up(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        assert server.poll() is None, "MLflow ended; see server.log"
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()  # noqa: S310
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
        else:
            return
    raise AssertionError("MLflow did not start within three minutes.")
