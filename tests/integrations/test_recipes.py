"""Every recipe of docs/integrations is run against a live server: its shell, or its caller's own rules."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from pytest_django import DjangoDbBlocker

from tests import database
from tests.flows.fixtures import BankDatabase, connected_to, state_in
from tests.integrations.site import Elsewhere, made
from tests.laws.source import PROJECT
from tests.standing import Standing
from tests.web.site import Site, serving

pytestmark = pytest.mark.slow

RECIPES = PROJECT / "docs" / "integrations"
GONE = "http://127.0.0.1:1"
NAMED = {"model": "credit-pd", "environment": "production"}
EVERY = pytest.mark.parametrize(
    ("version", "code"), [("1", 0), ("9", 1), ("2", 3)], ids=["allow", "deny", "pending"]
)


@pytest.fixture(scope="module")
def site(standing_bank: tuple[BankDatabase, Standing], django_db_blocker: DjangoDbBlocker) -> Iterator[Site]:
    """A copy of the bank, served while these tests run."""
    place, built = standing_bank
    name = f"{place.name}_recipes"
    with django_db_blocker.unblock():
        database.drop(name)
        database.clone(place.name, name)
        try:
            with connected_to(name), state_in(place.folder), serving() as url:
                yield Site(url, built)
        finally:
            database.drop(name)


@dataclass(slots=True)
class Shell:
    """Where a step runs: the program on its path, its own folder, what the platform puts round it."""

    folder: Path
    values: dict[str, str]

    def run(self, script: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**self.values, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def shell(site: Site, tmp_path: Path) -> Shell:
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "countersign"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m apps.cli.main "$@"\n')
    program.chmod(0o755)
    return Shell(
        tmp_path,
        {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
            "COUNTERSIGN_URL": site.url,
            "COUNTERSIGN_TOKEN": site.bank.tokens["pipeline"],
        },
    )


# GitHub --------------------------------------------------------------------------------------------------


def composite(shell: Shell, **inputs: str) -> tuple[int, dict[str, str]]:
    """The steps of the action as the runner takes them: inputs filled in, files for what they say."""
    action = yaml.safe_load((RECIPES / "github-action" / "action.yml").read_text())
    given = {name: str(told.get("default", "")) for name, told in action["inputs"].items()} | inputs
    files = {n: str(shell.folder / n.lower()) for n in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    code = 0
    for step in action["runs"]["steps"]:
        assert "${{" not in step["run"], "what a caller says never stands in the script itself"
        env = {
            name: re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: given[found[1]], value)
            for name, value in step["env"].items()
        }
        code = shell.run(step["run"], GITHUB_ACTIONS="true", **files, **env).returncode
        if code:
            break
    told = Path(files["GITHUB_OUTPUT"])
    lines = told.read_text().splitlines() if told.exists() else []
    return code, dict(line.split("=", 1) for line in lines)


@EVERY
def test_the_composite_action(site: Site, shell: Shell, version: str, code: int) -> None:
    found, outputs = composite(shell, server=site.url, **NAMED, version=version)

    assert found == code
    assert outputs["decision"] == {0: "allow", 1: "deny", 3: "pending"}[code]
    assert outputs["url"].endswith(f"/admissions/{outputs['decision-id']}")
    assert f"credit-pd@{version} in production" in (shell.folder / "github_step_summary").read_text()


def test_another_file_under_an_approved_name_is_denied(site: Site, shell: Shell) -> None:
    (shell.folder / "model.onnx").write_bytes(b"another model")
    found, _ = composite(shell, server=site.url, **NAMED, version="1", artifact="model.onnx")
    assert found == 1


def test_what_a_caller_says_is_never_run(site: Site, shell: Shell) -> None:
    evil = '"; touch evil; $(touch evil) `touch evil`'
    code, _ = composite(shell, server=site.url, model=evil, version=evil, environment=evil)
    assert code == 1
    assert not (shell.folder / "evil").exists()


# GitLab, Jenkins, Argo CD --------------------------------------------------------------------------------


def gitlab(shell: Shell, server: str, version: str) -> int:
    job = yaml.safe_load((RECIPES / "gitlab" / "countersign.gitlab-ci.yml").read_text())["countersign"]
    variables = {
        "COUNTERSIGN_URL": server,
        "COUNTERSIGN_MODEL": "credit-pd",
        "COUNTERSIGN_VERSION": version,
        "COUNTERSIGN_ENVIRONMENT": "production",
    }
    return shell.run("\n".join(job["script"]), **variables).returncode


def jenkins(shell: Shell, server: str, version: str) -> int:
    text = (RECIPES / "jenkins" / "Jenkinsfile").read_text()
    (script,) = re.findall(r"sh '''(.*?)'''", text, re.DOTALL)
    told = {"MODEL": "credit-pd", "VERSION": version, "TARGET": "production"}
    return shell.run(script, COUNTERSIGN_URL=server, **told).returncode


def argo_cd(shell: Shell, server: str, version: str) -> int:
    """The command of the container; the token lies in a file and nowhere else."""
    job = yaml.safe_load((RECIPES / "argo-cd" / "presync.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    assert env.keys() == {"COUNTERSIGN_URL", "COUNTERSIGN_TOKEN_FILE"}
    (shell.folder / "token").write_text(shell.values["COUNTERSIGN_TOKEN"])
    words = [*container["command"], *container["args"]]
    words[words.index("3")], words[words.index("10m")] = version, "1s"
    script = "unset COUNTERSIGN_TOKEN; " + " ".join(f"'{word}'" for word in words)
    return shell.run(script, COUNTERSIGN_URL=server, COUNTERSIGN_TOKEN_FILE="token").returncode


def github(shell: Shell, server: str, version: str) -> int:
    return composite(shell, server=server, **NAMED, version=version)[0]


@EVERY
@pytest.mark.parametrize("recipe", [gitlab, jenkins, argo_cd])
def test_a_recipe_of_shell(site: Site, shell: Shell, recipe: Any, version: str, code: int) -> None:
    assert recipe(shell, site.url, version) == code


def test_the_report_that_gitlab_reads(site: Site, shell: Shell) -> None:
    gitlab(shell, site.url, "9")
    suite = ElementTree.fromstring((shell.folder / "countersign.xml").read_text())  # noqa: S314 - ours
    assert int(suite.get("failures", "0")) > 0


def test_nobody_who_answers_is_no(shell: Shell) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda recipe: recipe(shell, GONE, "1"), (github, gitlab, jenkins, argo_cd))
        assert list(found) == [4, 4, 4, 4]


def test_the_hook_of_argo_cd_is_one() -> None:
    job = yaml.safe_load((RECIPES / "argo-cd" / "presync.yaml").read_text())
    assert job["spec"]["backoffLimit"] == 0
    assert job["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "PreSync"


def test_the_jenkinsfile_that_waits(site: Site, shell: Shell, elsewhere: Elsewhere) -> None:
    ours = made("jenkins", hosts=elsewhere.host)
    ours.bind(source="credit/deploy", version_from="asked")
    text = (RECIPES / "jenkins" / "Jenkinsfile.waiting").read_text()
    (script,) = re.findall(r"sh '''(.*?)'''", text, re.DOTALL)
    told = {
        "BUILD_TAG": "jenkins-credit-41",
        "JOB_NAME": "credit/deploy",
        "TARGET": "production",
        "VERSION": "1",
        "HOOK": f"{elsewhere.url}/webhook-step/0d4c5c51-90c3-4a36",
        "HOOK_TOKEN": "let-me-in",
        "COUNTERSIGN_HOOK": f"{site.url}{ours.address}",
    }

    assert shell.run(script, SECRET="wrong", **told).returncode != 0
    assert shell.run(script, SECRET=ours.secrets["webhook"], **told).returncode == 0
    ours.worked()

    (sent,) = elsewhere.told()
    assert (sent.headers["authorization"], sent.json["allowed"]) == ("let-me-in", True)


# Callers that are no shell -------------------------------------------------------------------------------


def posted(url: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=raw, headers=dict(headers), method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, None
    except urllib.error.URLError:
        return 0, None


def rollout_phase(metric: dict[str, Any], url: str, arguments: Mapping[str, str]) -> str:
    """The web metric as the controller reads it: anything but 2xx is an error, then the two conditions."""
    web = json.loads(
        re.sub(r"\{\{args\.(\w+)\}\}", lambda m: arguments[m[1]], json.dumps(metric["provider"]["web"]))
    )
    headers = {entry["key"]: entry["value"] for entry in web["headers"]}
    status, answer = posted(
        web["url"].replace("https://countersign.bank.example", url), web["jsonBody"], headers
    )
    if not 200 <= status < 300:
        return "Error"
    assert web["jsonPath"] == "{$.allowed}"
    result = answer["allowed"]
    meaning = {"result == true": result is True, "result != true": result is not True}
    failed, held = meaning[metric["failureCondition"]], meaning[metric["successCondition"]]
    return "Failed" if failed else "Successful" if held else "Inconclusive"


@pytest.mark.parametrize(
    ("version", "token", "phase"),
    [("1", None, "Successful"), ("9", None, "Failed"), ("2", None, "Failed"), ("1", "cs_wrong", "Error")],
)
def test_the_metric_of_argo_rollouts(site: Site, version: str, token: str | None, phase: str) -> None:
    template = yaml.safe_load((RECIPES / "argo-rollouts" / "analysis-template.yaml").read_text())
    (metric,) = template["spec"]["metrics"]
    given = {
        "model": "credit-pd",
        "version": version,
        "environment": "production",
        "token": token or site.bank.tokens["pipeline"],
    }

    assert rollout_phase(metric, site.url, given) == phase
    assert rollout_phase(metric, GONE, given) == "Error"
    assert (metric["failureLimit"], metric["count"], metric["consecutiveErrorLimit"]) == (0, 1, 0)


@pytest.mark.parametrize(("version", "ended"), [("1", "SUCCEEDED"), ("9", "TERMINAL"), ("2", "TERMINAL")])
def test_the_stage_of_spinnaker(site: Site, version: str, ended: str) -> None:
    told = yaml.safe_load((RECIPES / "spinnaker" / "orca-local.yml").read_text())
    (stage,) = told["webhook"]["preconfigured"]
    values = {"model": "credit-pd", "version": version, "environment": "production"}
    payload = re.sub(r"\$\{parameterValues\['(\w+)'\]\}", lambda m: values[m[1]], stage["payload"])
    headers = {name: found[0] for name, found in stage["customHeaders"].items()}
    headers["Authorization"] = headers["Authorization"].replace("${secret}", site.bank.tokens["pipeline"])

    status, _ = posted(
        stage["url"].replace("https://countersign.bank.example", site.url), payload.encode(), headers
    )

    assert ended == ("SUCCEEDED" if 200 <= status < 300 else "TERMINAL")
    assert 200 <= status < 300 or status in stage["failFastStatusCodes"]
    assert {p["name"] for p in stage["parameters"]} == set(values)
    nobody, _ = posted(
        stage["url"].replace("https://countersign.bank.example", GONE), payload.encode(), headers
    )
    assert not 200 <= nobody < 300, "nobody who answers lets nothing go on"
