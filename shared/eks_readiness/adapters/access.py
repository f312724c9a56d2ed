"""The rights in a cluster that the probes need, as manifests: nothing that no probe declares, and no Secrets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eks_readiness.adapters.probe import KubernetesProbe, Right

GROUP = "eks-readiness"
"""The Kubernetes group to which the scanner's access entry leads."""
_RBAC = "rbac.authorization.k8s.io/v1"


def manifests(probes: Iterable[KubernetesProbe]) -> dict[str, Any]:
    """A List of a ClusterRole, Roles where one object is enough, and their bindings to the group."""
    rights = {right for probe in probes for right in probe.rights}
    wide = [right for right in rights if not right.namespace]
    objects: list[dict[str, Any]] = [
        {"apiVersion": _RBAC, "kind": "ClusterRole", "metadata": {"name": GROUP}, "rules": _rules(wide)},
        _binding("ClusterRole", None),
    ]
    for namespace in sorted({right.namespace for right in rights if right.namespace}):
        own = [right for right in rights if right.namespace == namespace]
        meta = {"name": GROUP, "namespace": namespace}
        objects += [
            {"apiVersion": _RBAC, "kind": "Role", "metadata": meta, "rules": _rules(own)},
            _binding("Role", namespace),
        ]
    return {"apiVersion": "v1", "kind": "List", "items": objects}


def entrance(authentication_mode: str, *, cluster: str, role: str) -> tuple[str, ...]:
    """How the scanner's role becomes a member of the group: by an access entry, or by a line of ConfigMap aws-auth.

    Sources: https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html,
    https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html
    """
    name = cluster.rpartition("/")[2]
    entry = f"aws eks create-access-entry --cluster-name {name} --principal-arn {role} --kubernetes-groups {GROUP}"
    # aws-auth knows no paths of roles. Names that begin with eks: or aws: are reserved.
    start, slash, rest = role.partition(":role/")
    plain = f"{start}{slash}{rest.rpartition('/')[2]}"
    line = f"- {{rolearn: {plain}, username: '{GROUP}:{{{{SessionName}}}}', groups: [{GROUP}]}}"
    by_config_map = (
        "add to mapRoles of ConfigMap kube-system/aws-auth (kubectl -n kube-system edit configmap aws-auth):"
    )
    if authentication_mode == "CONFIG_MAP":
        return (f"then, since authentication mode CONFIG_MAP knows no access entries, {by_config_map}", line)
    if authentication_mode:
        return (f"then: {entry}",)
    return (
        f"then: {entry}",
        f"or, in authentication mode CONFIG_MAP (--cluster tells), {by_config_map}",
        line,
    )


def _rules(rights: Iterable[Right]) -> list[dict[str, Any]]:
    """One rule for each group, verbs and names, its resources together."""
    merged: dict[tuple[str, tuple[str, ...], tuple[str, ...]], set[str]] = {}
    for right in rights:
        merged.setdefault((right.group, right.verbs, right.names), set()).add(right.resource)
    return [
        {
            "apiGroups": [group],
            "resources": sorted(resources),
            "verbs": list(verbs),
            **({"resourceNames": list(names)} if names else {}),
        }
        for (group, verbs, names), resources in sorted(merged.items())
    ]


def _binding(kind: str, namespace: str | None) -> dict[str, Any]:
    return {
        "apiVersion": _RBAC,
        "kind": f"{kind}Binding",
        "metadata": {"name": GROUP, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": GROUP},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": GROUP}],
    }
