"""What a Kubernetes API server answers for a scenario: discovery, lists in pages, metadata only, refusals.

Shapes follow recorded answers of kube-apiserver 1.36.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.doubles.scenario import Scenario

# apiVersion → kinds that every EKS cluster serves and that matter here.
_BUILT_IN: dict[str, tuple[str, ...]] = {
    "v1": (
        *("ConfigMap", "Event", "LimitRange", "Namespace", "Node", "PersistentVolume", "PersistentVolumeClaim", "Pod"),
        *("ReplicationController", "ResourceQuota", "Secret", "Service", "ServiceAccount"),
    ),
    "apps/v1": ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "batch/v1": ("CronJob", "Job"),
    "networking.k8s.io/v1": ("Ingress", "IngressClass", "NetworkPolicy"),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    "storage.k8s.io/v1": ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"),
    "admissionregistration.k8s.io/v1": (
        *("MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
        "ValidatingWebhookConfiguration",
    ),
    "apiextensions.k8s.io/v1": ("CustomResourceDefinition",),
    "apiregistration.k8s.io/v1": ("APIService",),
    "networking.k8s.aws/v1alpha1": ("PolicyEndpoint",),
}
_CLUSTER_SCOPED = frozenset(
    {"APIService", "ClusterRole", "ClusterRoleBinding", "CSIDriver", "CSINode", "CustomResourceDefinition"}
    | {"IngressClass", "MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume", "StorageClass"}
    | {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration"}
    | {"VolumeAttachment"}
    | {"ClusterComplianceReport"}
    | {"VolumeAttachment", "ClusterExternalSecret", "ClusterSecretStore", "EC2NodeClass", "NodeClass"}
    | {"VolumeAttachment", "ClusterPolicy", "ClusterPolicyReport", "ImageValidatingPolicy", "ValidatingPolicy"}
    | {"CiliumClusterwideNetworkPolicy"}
    | {"VolumeAttachment", "ClusterIssuer", "GatewayClass", "IngressClassParams"}
)
_POLICIES_SINCE = 30
"""From which minor version on ValidatingAdmissionPolicy is served as v1."""
_METADATA_ONLY = "PartialObjectMetadataList"
_KUBESCAPE = "spdx.softwarecomposition.kubescape.io/"
"""A server of its own: its lists leave the content out unless they ask for it."""
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_RESOURCE_VERSION = "104729"


class Answer(NamedTuple):
    """One answer: HTTP status, and the body as JSON."""

    status: int
    body: dict[str, Any]


def plural(api_version: str, kind: str) -> str:
    """The resource name of a kind, as English (and Gatekeeper, and Chaos Mesh) makes it."""
    name = kind.lower()
    if api_version.startswith(("constraints.gatekeeper.sh/", "chaos-mesh.org/")) and not name.endswith(
        ("flow", "dule")
    ):
        return name
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch")) else f"{name}s"


class KubernetesCluster:
    """Answers for one scenario; `scenario` may be replaced while it serves."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def get(self, path: str, query: Mapping[str, str], accept: str) -> Answer:
        """Answer a GET."""
        match path.strip("/").split("/"):
            case ["version"]:
                return Answer(200, {"major": "1", "gitVersion": self.scenario.kubernetes_version})
            case ["api"]:
                return self._discovery("")
            case ["apis"]:
                return self._discovery(None)
            case ["api", version, resource]:
                return self._list(version, resource, query, accept)
            case ["apis", group, version, resource]:
                return self._list(f"{group}/{version}", resource, query, accept)
            case ["api", version, "namespaces", namespace, resource, name]:
                return self._object(version, namespace, resource, name)
            case _:
                return _status(404, "NotFound", "the server could not find the requested resource")

    def _served(self) -> dict[str, set[str]]:
        served = {api_version: set(kinds) for api_version, kinds in _BUILT_IN.items()}
        if _minor(self.scenario.kubernetes_version) < _POLICIES_SINCE:
            served["admissionregistration.k8s.io/v1"] -= {
                "ValidatingAdmissionPolicy",
                "ValidatingAdmissionPolicyBinding",
            }
        named = [(each["apiVersion"], each["kind"]) for each in self.scenario.objects]
        for api_version, kind in (*named, *self.scenario.serves):
            served.setdefault(api_version, set()).add(kind)
        return served

    def _discovery(self, only: str | None) -> Answer:
        groups: dict[str, dict[str, Any]] = {}
        for api_version, kinds in self._served().items():
            group, _, version = api_version.rpartition("/")
            if (group == "") != (only == ""):
                continue
            entry = groups.setdefault(group, {"metadata": {"name": group} if group else {}, "versions": []})
            entry["versions"].append(_version(api_version, group, version, sorted(kinds)))
        body = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}}
        return Answer(200, {**body, "items": list(groups.values())})

    def _kind(self, api_version: str, resource: str) -> str | None:
        kinds = self._served().get(api_version, set())
        return next((kind for kind in kinds if plural(api_version, kind) == resource), None)

    def _forbidden(self, api_version: str, resource: str, verb: str) -> Answer | None:
        group = api_version.rpartition("/")[0]
        qualified = f"{resource}.{group}" if group else resource
        # Authorization comes first: a group that is not there is forbidden, not absent.
        known = self._kind(api_version, resource) is not None
        if known and not {qualified, "*"} & self.scenario.denied and resource != "secrets":
            return None
        message = (
            f'{qualified} is forbidden: User "eks-readiness" cannot {verb} resource "{resource}" '
            f'in API group "{group}" at the cluster scope'
        )
        return _status(403, "Forbidden", message)

    def _list(self, api_version: str, resource: str, query: Mapping[str, str], accept: str) -> Answer:
        if (refused := self._forbidden(api_version, resource, "list")) is not None:
            return refused
        kind = self._kind(api_version, resource)
        found = [each for each in self.scenario.objects if (each["apiVersion"], each["kind"]) == (api_version, kind)]
        found.sort(key=lambda each: (each["metadata"].get("namespace", ""), each["metadata"]["name"]))
        try:
            start = _offset(query.get("continue", ""))
        except ValueError:
            return _status(400, "BadRequest", "invalid continue token: continue key is not valid")
        end = start + int(query["limit"]) if query.get("limit") else len(found)
        page = [_listed(each, api_version, metadata_only=_METADATA_ONLY in accept) for each in found[start:end]]
        if api_version.startswith(_KUBESCAPE) and query.get("resourceVersion") != "fullSpec":
            page = [{key: value for key, value in each.items() if key != "spec"} for each in page]
        return Answer(200, _page(api_version, f"{kind}List", page, len(found), end, accept))

    def _object(self, version: str, namespace: str, resource: str, name: str) -> Answer:
        if (refused := self._forbidden(version, resource, "get")) is not None:
            return refused
        kind = self._kind(version, resource)
        for each in self.scenario.objects:
            meta = each["metadata"]
            if (each["kind"], meta.get("namespace"), meta["name"]) == (kind, namespace, name):
                return Answer(200, dict(each))
        return _status(404, "NotFound", f'{resource} "{name}" not found')


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def continuation(offset: int, resource_version: str = _RESOURCE_VERSION) -> str:
    """The token that goes on at an offset, of one version of the list."""
    return base64.urlsafe_b64encode(f"{offset}@{resource_version}".encode()).decode()


def _offset(token: str) -> int:
    return int(base64.urlsafe_b64decode(token).partition(b"@")[0]) if token else 0


def _version(api_version: str, group: str, version: str, kinds: list[str]) -> dict[str, Any]:
    resources = [
        {
            "resource": plural(api_version, kind),
            "responseKind": {"group": group, "version": version, "kind": kind},
            "scope": "Cluster" if kind in _CLUSTER_SCOPED else "Namespaced",
            "singularResource": kind.lower(),
            "verbs": _VERBS,
        }
        for kind in kinds
    ]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _listed(each: Mapping[str, Any], api_version: str, *, metadata_only: bool) -> dict[str, Any]:
    """Give one object as it stands in a list: a built-in one without its kind."""
    if metadata_only:
        return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": each["metadata"]}
    if api_version in _BUILT_IN:
        return {key: value for key, value in each.items() if key not in ("apiVersion", "kind")}
    return dict(each)


def _page(api_version: str, kind: str, page: list[dict[str, Any]], total: int, end: int, accept: str) -> dict[str, Any]:
    meta: dict[str, Any] = {"resourceVersion": _RESOURCE_VERSION}
    if end < total:
        meta |= {"continue": continuation(end), "remainingItemCount": total - end}
    if _METADATA_ONLY in accept:
        items = page or None  # as a real server has it
        return {"kind": _METADATA_ONLY, "apiVersion": "meta.k8s.io/v1", "metadata": meta, "items": items}
    if api_version in _BUILT_IN:
        return {"kind": kind, "apiVersion": api_version, "metadata": meta, "items": page}
    # Custom resources carry their metadata at the end.
    return {"apiVersion": api_version, "items": page, "kind": kind, "metadata": {"continue": "", **meta}}


def _status(code: int, reason: str, message: str) -> Answer:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return Answer(code, {**body, "reason": reason, "code": code})


def encoded(answer: Answer) -> bytes:
    """The body as it goes over the wire."""
    return json.dumps(answer.body, separators=(",", ":")).encode()
