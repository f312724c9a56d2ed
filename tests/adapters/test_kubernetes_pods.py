"""What is kept of a pod: what it asks for, which secrets it uses, which images run; never a value."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eks_readiness.adapters.kubernetes_pods import PodFold, _Pod, is_secret_name
from eks_readiness.adapters.samples import Names


def folded(*pods: dict[str, Any]) -> PodFold:
    """The fold of pods that a server would send."""
    fold = PodFold()
    for number, pod in enumerate(pods):
        metadata = {"name": f"pod-{number}", "namespace": "shop"}
        fold.add(msgspec.convert({"metadata": metadata, "status": {"phase": "Running"}, **pod}, _Pod))
    return fold


def container(name: str = "app", **more: Any) -> dict[str, Any]:
    """A regular container."""
    return {"name": name, "image": f"registry.example/{name}:1", **more}


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DB_PASSWORD", True),
        ("db_password", True),
        ("API_KEY", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("GOOGLE_APPLICATION_CREDENTIALS", True),
        ("GITHUB_TOKEN", True),
        ("CLIENT_SECRET", True),
        ("DB_PASSWORD_FILE", False),
        ("TOKEN_PATH", False),
        ("SECRET_NAME", False),
        ("KEYS", False),
        ("PASSWORD\n", False),
    ],
)
def test_names_that_are_secret(name: str, secret: bool) -> None:
    """By their end; a name of a file or a path only says where a secret is."""
    assert is_secret_name(name) is secret


def test_a_literal_secret_is_kept_by_its_name_alone() -> None:
    """References and empty values are none; the value is nowhere."""
    env = [
        {"name": "DB_PASSWORD", "value": "hunter2"},
        {"name": "COPY_PASSWORD", "value": "$(DB_PASSWORD)"},
        {"name": "EMPTY_TOKEN", "value": ""},
        {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}},
        {"name": "REGION", "value": "eu-west-1"},
    ]
    fold = folded({"spec": {"initContainers": [container("setup", env=env)], "containers": [container()]}})
    assert fold.literal_secrets == {"shop": Names(1, ["pod-0 (setup: DB_PASSWORD)"])}
    assert "hunter2" not in repr(vars(fold))


@pytest.mark.parametrize(
    ("spec", "uses"),
    [
        ({"containers": [container()]}, False),
        ({"containers": [container(envFrom=[{"secretRef": {"name": "a"}}])]}, True),
        ({"containers": [container(envFrom=[{"configMapRef": {"name": "a"}}])]}, False),
        ({"containers": [container()], "volumes": [{"name": "v", "secret": {"secretName": "a"}}]}, True),
        ({"containers": [container()], "volumes": [{"projected": {"sources": [{"secret": {"name": "a"}}]}}]}, True),
        (
            {"containers": [container()], "volumes": [{"projected": {"sources": [{"serviceAccountToken": {}}]}}]},
            False,
        ),
        ({"containers": [container()], "imagePullSecrets": [{"name": "a"}]}, False),
    ],
)
def test_pods_that_use_a_secret(spec: dict[str, Any], uses: bool) -> None:
    """By environment or volume; the token that every pod has, and pull secrets, are none."""
    assert bool(folded({"spec": spec}).secret_users) is uses


def test_volumes_of_the_secrets_store_are_counted_by_pod() -> None:
    """However many a pod has."""
    volume = {"csi": {"driver": "secrets-store.csi.k8s.io"}}
    other = {"csi": {"driver": "ebs.csi.aws.com"}}
    fold = folded(
        {"spec": {"containers": [container()], "volumes": [volume, volume]}},
        {"spec": {"containers": [container()], "volumes": [other]}},
    )
    assert fold.secret_volumes == 1


def test_images_are_kept_once_with_the_digest_that_runs() -> None:
    """As containerd and Docker write it; without one while the image is being pulled."""
    running = {"name": "app", "imageID": "registry.example/app@sha256:aa"}
    docker = {"name": "app", "imageID": "docker-pullable://registry.example/app@sha256:aa"}
    spec = {"containers": [container()], "initContainers": [container("setup")]}
    fold = folded(
        {"spec": spec, "status": {"phase": "Running", "containerStatuses": [running]}},
        {"spec": spec, "status": {"phase": "Running", "containerStatuses": [docker]}},
        {"spec": spec, "status": {"phase": "Pending"}},
        {"spec": spec, "status": {"phase": "Succeeded", "containerStatuses": [{**running, "imageID": "x@sha256:bb"}]}},
    )
    assert fold.images == {
        ("registry.example/app:1", "sha256:aa"): {"shop"},
        ("registry.example/app:1", ""): {"shop"},
    }


def asks(cpu: str = "", memory: str = "") -> dict[str, Any]:
    """Resources of a container."""
    return {"resources": {"requests": {name: value for name, value in (("cpu", cpu), ("memory", memory)) if value}}}


def test_pods_without_requests_are_named() -> None:
    """Every regular container must ask for both, unless the pod asks as a whole."""
    fold = folded(
        {"spec": {"containers": [container(**asks("100m", "64Mi"))]}},
        {"spec": {"containers": [container(**asks("100m", "64Mi")), container("side", **asks("10m"))]}},
        {"spec": {"containers": [container(**asks("100m"))], **asks(memory="1Gi")}},
        {"spec": {"containers": [container()]}},
    )
    assert fold.without_requests == {"shop": Names(2, ["pod-1", "pod-3"])}


@pytest.mark.parametrize(
    ("spec", "cpu_cores"),
    [
        ({"containers": [asks("250m"), asks("1")]}, 1.25),
        ({"containers": [asks("250m")], "initContainers": [asks("2"), asks("1")]}, 2.0),
        ({"containers": [asks("1")], "initContainers": [{**asks("500m"), "restartPolicy": "Always"}]}, 1.5),
        # A sidecar runs beside the init containers that come after it.
        (
            {"containers": [asks("1")], "initContainers": [{**asks("500m"), "restartPolicy": "Always"}, asks("2")]},
            2.5,
        ),
        ({"containers": [asks("1")], "initContainers": [asks("2"), {**asks("500m"), "restartPolicy": "Always"}]}, 2.0),
        ({"containers": [asks("1")], **asks("3")}, 3.0),
        ({"containers": [asks("1")], "overhead": {"cpu": "250m"}}, 1.25),
        ({"containers": [{}]}, 0.0),
    ],
)
def test_what_the_scheduler_counts(spec: dict[str, Any], cpu_cores: float) -> None:
    """Containers, sidecars, init containers, whole pods and overhead."""
    fold = folded({"spec": {"nodeName": "node-1", **spec}})
    assert fold.requested["node-1"][0] == cpu_cores


def test_requests_are_summed_by_node() -> None:
    """Pods that no node was found for ask for nothing yet."""
    spec = {"containers": [container(**asks("500m", "1Gi"))]}
    fold = folded({"spec": {**spec, "nodeName": "n1"}}, {"spec": {**spec, "nodeName": "n1"}}, {"spec": spec})
    assert fold.requested == {"n1": [1.0, 2.0 * 1024**3, 2]}
