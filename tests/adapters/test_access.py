"""The rights that the product asks for in a cluster."""

from __future__ import annotations

from eks_readiness.adapters.access import manifests
from eks_readiness.adapters.probes import KUBERNETES_PROBES

OBJECTS = manifests(KUBERNETES_PROBES)["items"]
RULES = [rule for each in OBJECTS for rule in each.get("rules", ())]


def test_reading_alone_and_never_secrets() -> None:
    """Get and list on named kinds; the one wildcard is for kinds that Gatekeeper makes at run time."""
    for rule in RULES:
        assert set(rule["verbs"]) <= {"get", "list"}
        assert "secrets" not in rule["resources"]
        if "*" in rule["resources"]:
            assert rule["apiGroups"] == ["constraints.gatekeeper.sh"]


def test_every_right_of_a_probe_is_there() -> None:
    """A probe without its right would be denied for ever."""
    granted = {
        (group, resource, verb)
        for rule in RULES
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    wanted = {
        (right.group, right.resource, verb)
        for probe in KUBERNETES_PROBES
        for right in probe.rights
        for verb in right.verbs
    }
    assert granted == wanted


def test_one_config_map_is_not_all_of_them() -> None:
    """A right on one object is a Role in its namespace that names it, or names it in every namespace."""
    (role,) = [each for each in OBJECTS if each["kind"] == "Role"]
    assert role["metadata"]["namespace"] == "kube-system"
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": [name]}
        for name in ("amazon-vpc-cni", "aws-auth", "cilium-config")
    ]
    wide = [rule for each in OBJECTS if each["kind"] == "ClusterRole" for rule in each["rules"]]
    assert [rule["resourceNames"] for rule in wide if "configmaps" in rule["resources"]] == [["aws-logging"]]
