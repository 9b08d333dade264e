"""What is shipped for clusters: manifests that fail closed, and the report that is run there."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "docs" / "integrations" / "kubernetes"
KINDS = {"inferenceservices", "llminferenceservices", "seldondeployments", "models", "deployments"}
DIGEST = "sha256:" + "a" * 64


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def test_the_webhook_fails_closed_and_nobody_opts_out() -> None:
    (hook,) = documents("webhook.yaml")[0]["webhooks"]
    assert (hook["failurePolicy"], hook["sideEffects"]) == ("Fail", "NoneOnDryRun")
    assert 1 <= hook["timeoutSeconds"] <= 5
    assert "objectSelector" not in hook
    assert {r for rule in hook["rules"] for r in rule["resources"]} >= KINDS
    assert all({"CREATE", "UPDATE"} <= set(rule["operations"]) for rule in hook["rules"])
    url = hook["clientConfig"]["url"]
    assert url.startswith("https://")
    assert not {"?", "@", "#"} & set(url)


def test_the_native_policy_denies() -> None:
    policy, binding = documents("policy.yaml")
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert "Deny" in binding["spec"]["validationActions"]


def test_gatekeeper_and_kyverno_deny_what_is_not_allowed() -> None:
    provider, template, constraint = documents("gatekeeper.yaml")
    assert provider["spec"]["timeout"] <= 2
    rego = template["spec"]["targets"][0]["rego"]
    assert all(word in rego for word in ("system_error", "answer.errors", "not admitted"))
    assert constraint["spec"]["enforcementAction"] == "deny"
    (kyverno,) = documents("kyverno.yaml")
    assert (kyverno["spec"]["validationFailureAction"], kyverno["spec"]["failurePolicy"]) == (
        "Enforce",
        "Fail",
    )


class _Told(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told: list[Any] = self.server.told  # type: ignore[attr-defined]
        told.append((self.path, self.headers["Authorization"], json.loads(body)))
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(("status", "exit_code"), [(200, 0), (503, 1)])
def test_the_report_tells_each_slot(tmp_path: Path, status: int, exit_code: int) -> None:
    notes = {"countersign.dev/model": "credit-pd", "countersign.dev/digest": DIGEST}
    items = [
        {
            "kind": "InferenceService",
            "metadata": {"name": n, "namespace": "scoring", "annotations": a},
            "spec": {},
        }
        for n, a in (("known", notes), ("strange", None))
    ]
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\ncat <<'EOF'\n{json.dumps({'items': items})}\nEOF\n")
    kubectl.chmod(0o755)
    server = HTTPServer(("127.0.0.1", 0), _Told)
    server.told, server.status = [], status  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    env = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "TMPDIR": str(tmp_path),
        "COUNTERSIGN_URL": f"http://127.0.0.1:{server.server_port}",
        "COUNTERSIGN_TOKEN": "secret",
        "COUNTERSIGN_ENVIRONMENT": "production",
    }
    ran = subprocess.run(["sh", str(FOLDER / "report.sh")], env=env, timeout=20, check=False)
    server.shutdown()
    server.server_close()
    assert ran.returncode == exit_code
    known, strange = server.told  # type: ignore[attr-defined]
    assert known[:2] == ("/api/v1/deployments", "Bearer secret")
    assert (known[2]["slot"], known[2]["digest"]) == ("scoring/InferenceService/known", DIGEST)
    assert strange[2]["digest"].startswith("sha256:")
