"""Unit files, Compose file and chart under deploy/ say what the service needs, and are well formed.

Where `helm` is installed the chart is linted and rendered anew; what it renders is kept beside it, so that
its content is held to account everywhere.
"""

from __future__ import annotations

import configparser
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.gates.dividing import NEVER
from governance.celery import QUEUES
from tests.governance import chart

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CHART, RENDERED = DEPLOY / "helm" / "countersign", DEPLOY / "helm" / "rendered.yaml"
EVERYTHING = (
    *("--set", "autoscaling.enabled=true", "--set", "witness.enabled=true"),
    *("--set", "ingress.enabled=true", "--set", "env.COUNTERSIGN_STORE=s3://models"),
)
HELM = shutil.which("helm")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROCESSES = ("web", "sequence", "anchor", "relay", "witness", "migrate")


def chart_digest() -> str:
    files = sorted(path for path in CHART.rglob("*") if path.is_file())
    parts = [f"{path.relative_to(CHART)}\0".encode() + path.read_bytes() for path in files]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def rendered() -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(RENDERED.read_text()) if found]


def pods() -> list[tuple[str, dict[str, Any]]]:
    kinds = ("Deployment", "StatefulSet", "Job")
    return [
        (found["metadata"]["name"], found["spec"]["template"]["spec"])
        for found in rendered()
        if found["kind"] in kinds
    ]


def unit(path: Path) -> configparser.RawConfigParser:
    found = configparser.RawConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read(path)
    return found


def test_what_was_rendered_is_of_this_chart() -> None:
    """After a change render it anew, see docs/operations.md; the first line names the digest."""
    assert RENDERED.read_text().splitlines()[0] == f"# chart sha256:{chart_digest()}"


def named(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(found["kind"], found["metadata"]["name"]): found for found in objects}


def test_what_was_rendered_is_what_the_chart_gives() -> None:
    """By a renderer of our own, for helm is not everywhere; it refuses what it does not know."""
    changed = {"autoscaling__enabled": True, "witness__enabled": True, "ingress__enabled": True}
    anew = chart.render(CHART, release="countersign", env__COUNTERSIGN_STORE="s3://models", **changed)
    assert named(anew) == named(rendered())
    assert len(anew) == len(rendered())


def test_other_values_give_a_chart_too() -> None:
    plain = named(chart.render(CHART, release="r", image__digest="sha256:0", state__existingClaim="mine"))
    assert "PersistentVolumeClaim" not in {kind for kind, _ in plain}
    pod = plain["Deployment", "r-web"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "countersign@sha256:0"
    assert {"persistentVolumeClaim": {"claimName": "mine"}, "name": "state"} in pod["volumes"]


@pytest.mark.skipif(HELM is None, reason="helm is not installed")
def test_helm_lints_and_renders_it() -> None:
    lint = subprocess.run([str(HELM), "lint", "--strict", CHART], capture_output=True, text=True, check=False)
    assert lint.returncode == 0, lint.stdout
    command = [str(HELM), "template", "countersign", str(CHART), *EVERYTHING]
    anew = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert list(filter(None, yaml.safe_load_all(anew))) == rendered()


def test_the_chart_runs_every_process_and_every_lane() -> None:
    told = " ".join(
        " ".join([*container["command"], *container.get("args", [])])
        for _, pod in pods()
        for container in pod["containers"]
    )
    for word in ("gunicorn", "sequence", "anchor", "relay", "witness serve", "migrate", *QUEUES):
        assert word in told, word


@pytest.mark.parametrize(("name", "pod"), pods(), ids=lambda given: given if isinstance(given, str) else "")
def test_no_pod_runs_as_root_or_writes_its_own_files(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    for container in pod["containers"]:
        walls = container["securityContext"]
        assert walls["readOnlyRootFilesystem"]
        assert not walls["allowPrivilegeEscalation"]
        assert walls["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


def test_a_worker_has_longer_to_stop_than_its_runs_have_to_end() -> None:
    workers = {name: pod for name, pod in pods() if "-worker-" in name}
    assert len(workers) == 3
    for pod in workers.values():
        env = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
        assert pod["terminationGracePeriodSeconds"] > int(env["COUNTERSIGN_DRAIN_SECONDS"])
        assert {"name": "shm", "mountPath": "/dev/shm"} in pod["containers"][0]["volumeMounts"]


def test_secrets_come_from_a_secret_and_the_owner_is_known_to_the_migration_alone() -> None:
    known = {
        name
        for name, pod in pods()
        for container in pod["containers"]
        for one in container.get("env", [])
        if one["name"] == "COUNTERSIGN_OWNER_DATABASE_URL"
    }
    assert known == {"countersign-migrate"}
    for _, pod in pods():
        for container in pod["containers"]:
            for one in container.get("env", []):
                secret = (
                    one["name"].endswith(("_URL", "SECRET_KEY")) and one["name"] != "COUNTERSIGN_BASE_URL"
                )
                assert ("valueFrom" in one) == secret, one


def test_the_depth_that_scales_a_lane_is_a_query_that_runs(db: None) -> None:
    from django.db import connection

    scaled = [found for found in rendered() if found["kind"] == "ScaledObject"]
    assert len(scaled) == 3
    for found in scaled:
        with connection.cursor() as cursor:
            cursor.execute(found["spec"]["triggers"][0]["metadata"]["query"])
            assert cursor.fetchone() == (0,)


def test_partitions_that_wait_scale_a_lane_as_runs_do(db: None) -> None:
    from django.db import connection

    from apps.gates.models import Partition, Run
    from tests.gates import rows

    run = rows.run(rows.person("dora"))
    Run.objects.filter(pk=run.pk).update(waits_for="partitions", not_before=NEVER)
    for number in range(3):
        Partition.objects.create(run=run, dataset="holdout", number=number, parts={}, lane=run.lane)
    query = {
        found["metadata"]["name"].rpartition("-")[2]: found["spec"]["triggers"][0]["metadata"]["query"]
        for found in rendered()
        if found["kind"] == "ScaledObject"
    }
    with connection.cursor() as cursor:
        cursor.execute(query[run.lane])
        assert cursor.fetchone() == (3,)


# What KEDA's own definition of the resource knows: names and types, besides those of every object.
SCALED = {
    "scaleTargetRef": dict,
    "minReplicaCount": int,
    "maxReplicaCount": int,
    "cooldownPeriod": int,
    "triggers": list,
}
TRIGGER = {"type": str, "metadata": dict, "authenticationRef": dict}


def test_scaled_objects_hold_what_the_resource_knows_and_nothing_else() -> None:
    secrets = {found["metadata"]["name"] for found in rendered() if found["kind"] == "TriggerAuthentication"}
    for found in (found for found in rendered() if found["kind"] == "ScaledObject"):
        assert found["apiVersion"] == "keda.sh/v1alpha1"
        assert {name: type(value) for name, value in found["spec"].items()} == SCALED
        assert found["spec"]["scaleTargetRef"].keys() == {"name"}
        (trigger,) = found["spec"]["triggers"]
        assert {name: type(value) for name, value in trigger.items()} == TRIGGER
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        assert trigger["authenticationRef"]["name"] in secrets


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_no_root_and_comes_back(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["User"].startswith("countersign")
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service.get("Restart") == "always" or service["Type"] == "oneshot"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    for path in (*UNITS, DEPLOY / "systemd" / "countersign.target"):
        told = path.read_text().replace("/opt/countersign/.venv/bin/python", sys.executable)
        (tmp_path / path.name).write_text(told.replace("/opt/countersign", str(DEPLOY.parent)))
    command = ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_worker_unit_has_longer_to_stop_than_its_runs_have_to_end() -> None:
    path = DEPLOY / "systemd" / "countersign-worker@.service"
    text, service = path.read_text(), unit(path)["Service"]
    assert "Environment=COUNTERSIGN_DRAIN_SECONDS=60" in text
    assert int(service["TimeoutStopSec"]) > 60
    assert (service["KillSignal"], service["KillMode"]) == ("SIGTERM", "mixed")


def test_compose_runs_every_process_and_asks_for_every_secret() -> None:
    text = (DEPLOY / "compose" / "compose.yaml").read_text()
    found = yaml.safe_load(text)
    services = found["services"]
    assert {"web", "sequencer", "anchorer", "relay", "worker-quick", "worker-heavy", "witness"} <= set(
        services
    )
    assert services["worker-heavy"]["stop_grace_period"] == "90s"
    for name in (
        "COUNTERSIGN_SECRET_KEY",
        "COUNTERSIGN_ROLE_PASSWORD",
        "POSTGRES_PASSWORD",
        "BROKER_PASSWORD",
    ):
        assert f"${{{name}:?" in text, name
    ours = [s for s in services.values() if "countersign" in s["image"].lower()]
    assert all(s["read_only"] and s["cap_drop"] == ["ALL"] for s in ours)
