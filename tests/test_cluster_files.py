"""The cluster files of docs/guide-studies.md: what Ray's launcher and KubeRay ask of them.

Where Ray is installed, its launcher's own check reads the first. The definition of a RayJob is no part of a package:
what is asked here was read from it (ray-operator/config/crd/bases/ray.io_rayjobs.yaml) and from Kubernetes' rules for
pods.
"""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PAGE = Path(__file__).parents[1] / "docs" / "guide-studies.md"
SIZES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "": 1, "m": 1e-3}


def files() -> list[dict[str, Any]]:
    found = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return [yaml.safe_load(text) for text in found]


def size(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)([A-Za-z]*)", str(text)).groups()  # type: ignore[union-attr]
    return float(number) * SIZES[unit]


def options_of(command: str) -> set[str]:
    return set(re.findall(r"--[a-z-]+", command))


def offered(*verb: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "gigaplan", *verb, "--help"], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def test_there_are_two_files_a_cluster_and_a_job() -> None:
    cluster, job = files()
    assert {"cluster_name", "provider"} <= set(cluster)
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")


def test_the_launchers_own_check_accepts_the_cluster() -> None:
    util = pytest.importorskip("ray.autoscaler._private.util")
    cluster = files()[0]
    util.validate_config(util.prepare_config(copy.deepcopy(cluster)))
    cluster["head_node_type"] = "another"
    with pytest.raises(ValueError, match="head_node_type"):
        util.validate_config(util.prepare_config(cluster))


def test_the_cluster_has_what_the_launcher_asks_for() -> None:
    cluster = files()[0]
    types = cluster["available_node_types"]
    assert cluster["head_node_type"] in types
    assert {"type", "region"} <= set(cluster["provider"]) and "ssh_user" in cluster["auth"]
    assert all({"resources", "node_config"} <= set(kind) for kind in types.values())
    workers = [kind for name, kind in types.items() if name != cluster["head_node_type"]]
    assert all(0 <= kind["min_workers"] <= kind["max_workers"] <= cluster["max_workers"] for kind in workers)
    head, worker = ("\n".join(cluster[f"{who}_start_ray_commands"]) for who in ("head", "worker"))
    assert "ray start --head" in head and "--autoscaling-config=" in head
    port = re.search(r"--port=(\d+)", head)
    assert port and f"--address=$RAY_HEAD_IP:{port[1]}" in worker
    assert any("gigaplan[ray]" in step for step in cluster["setup_commands"])
    client = re.search(r"--ray-client-server-port=(\d+)", head)
    assert client and f"ray://head:{client[1]}" in PAGE.read_text()


def test_the_job_is_one_that_kuberay_defines() -> None:
    spec = files()[1]["spec"]
    assert set(spec) <= {"entrypoint", "shutdownAfterJobFinishes", "backoffLimit", "rayClusterSpec"}
    assert set(spec["rayClusterSpec"]) == {"headGroupSpec", "workerGroupSpecs"}
    head, workers = spec["rayClusterSpec"]["headGroupSpec"], spec["rayClusterSpec"]["workerGroupSpecs"]
    for group in (head, *workers):
        assert all(isinstance(v, str) for v in group["rayStartParams"].values())
    for group in workers:
        assert {"groupName", "replicas", "minReplicas", "maxReplicas", "template"} <= set(group)
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_the_jobs_pods_are_ones_that_kubernetes_takes() -> None:
    cluster = files()[1]["spec"]["rayClusterSpec"]
    images = set()
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        volumes = {v["name"] for v in pod.get("volumes", ())}
        for box in pod["containers"]:
            assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", box["name"])
            assert {m["name"] for m in box.get("volumeMounts", ())} <= volumes
            for kind, needed in box["resources"]["requests"].items():
                assert size(needed) <= size(box["resources"]["limits"][kind])
            images.add(box["image"])
    assert len(images) == 1  # the same version of gigaplan on every machine
    out = files()[1]["spec"]["entrypoint"].split("--out ")[1]
    mounts = cluster["headGroupSpec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert any(out.startswith(f"{m['mountPath']}/") for m in mounts)  # the study is written where it stays


def test_commands_use_options_that_there_are() -> None:
    entry = files()[1]["spec"]["entrypoint"]
    assert entry.startswith("gigaplan study montecarlo ")
    assert options_of(entry) <= options_of(offered("study", "montecarlo"))
