"""The manifests for Kubernetes, as far as they can be judged without a cluster."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from engine.ledger.queue import queue_names
from models.settings import Settings
from thatlook.cli import COMMANDS

FOLDER = Path(__file__).resolve().parents[2] / "docs/ops/kubernetes"
KUBERNETES = "1.34"
OWN_KINDS = ("Kustomization", "ScaledObject", "RayJob")
"""What other projects define; Kubernetes has no schema of them."""
DOCUMENTS: list[dict[str, Any]] = [
    document for path in sorted(FOLDER.glob("*.yaml")) for document in yaml.safe_load_all(path.read_text())
]
NAMED = {f"{each['kind']}/{each['metadata']['name']}": each for each in DOCUMENTS if "metadata" in each}


def settings() -> dict[str, str]:
    lines = (FOLDER / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def pods() -> dict[str, dict[str, Any]]:
    templates = {name: each["spec"]["template"] for name, each in NAMED.items() if "template" in each["spec"]}
    return {name: template["spec"] for name, template in templates.items()}


@pytest.mark.parametrize("name", [name for name in NAMED if not name.startswith(OWN_KINDS)])
def test_each_manifest_is_what_kubernetes_takes(name: str) -> None:
    """No unknown field, none missing, none of another type."""
    kubernetes_validate.validate(NAMED[name], KUBERNETES, strict=True)


def test_the_schema_is_strict() -> None:
    """A field that Kubernetes does not know would be found."""
    wrong = NAMED["Deployment/thatlook-api"] | {"spec": NAMED["Deployment/thatlook-api"]["spec"] | {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_settings_and_commands_are_ours() -> None:
    """Names of settings that exist, with values that can be read; programs that exist."""
    ours = {f"THATLOOK_{name.upper()}" for name in Settings.model_fields}
    assert set(settings()) <= ours
    read = Settings(**{name.removeprefix("THATLOOK_").lower(): value for name, value in settings().items()})  # type: ignore[arg-type]
    assert (read.require_keys, read.drain_s) == (True, 10.0)
    commands = [container["command"] for pod in pods().values() for container in pod["containers"]]
    assert {command[:1] == ["thatlook"] and command[1] in COMMANDS for command in commands} == {True}


def test_nothing_runs_with_more_rights_than_it_needs() -> None:
    """No root, no capability, nothing written but in volumes, no token of the cluster's, memory bounded."""
    for name, pod in pods().items():
        assert (pod["securityContext"]["runAsUser"], pod["automountServiceAccountToken"]) == (10001, False), name
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/tmp", "/var/lib/thatlook"}, name
            assert "memory" in container["resources"]["limits"], name


def test_a_pod_has_time_to_end() -> None:
    """What is under way may take its time after the load balancer was told."""
    read = Settings()
    least = float(settings()["THATLOOK_DRAIN_S"]) + read.budget_s
    assert pods()["Deployment/thatlook-api"]["terminationGracePeriodSeconds"] > 2 * least


def test_workers_are_counted_by_the_queue_that_there_is() -> None:
    """The query that scales them asks the queue's own table."""
    (trigger,) = NAMED["ScaledObject/thatlook-worker"]["spec"]["triggers"]
    assert f" {queue_names().queue_table} " in trigger["metadata"]["query"]
    assert f"Deployment/{NAMED['ScaledObject/thatlook-worker']['spec']['scaleTargetRef']['name']}" in NAMED


def test_kustomize_renders_the_folder(tmp_path: Path) -> None:
    """As `kubectl apply -k` would: each workload with the settings and the image."""
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("kubectl is not installed")
    command = [kubectl, "kustomize", str(FOLDER)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={"HOME": str(tmp_path)})
    rendered = list(yaml.safe_load_all(done.stdout))
    (config,) = (each for each in rendered if each["kind"] == "ConfigMap")
    assert config["data"] == settings()
    for each in rendered:
        if each["kind"] in ("Deployment", "Job"):
            (container,) = each["spec"]["template"]["spec"]["containers"]
            assert container["image"] == "registry.example/thatlook:0.1.0"
            assert container["envFrom"][0]["configMapRef"]["name"] == config["metadata"]["name"]
            assert each["metadata"]["labels"]["app.kubernetes.io/name"] == "thatlook"
