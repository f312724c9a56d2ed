"""Which namespaces a constraint of Gatekeeper's library surely covers."""

from __future__ import annotations

import msgspec
import pytest

from eks_readiness.adapters.kubernetes_namespaces import Space
from eks_readiness.adapters.kubernetes_policy_engines import constrains
from eks_readiness.adapters.kubernetes_policy_objects import GatekeeperMatch


@pytest.mark.parametrize(
    ("match", "covered"),
    [
        ({}, True),
        ({"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}], "source": "Original"}, True),
        ({"source": "All", "scope": "Namespaced", "namespaces": ["sh*"]}, True),
        ({"name": "one-pod"}, False),
        ({"source": "Generated"}, False),
        ({"scope": "Cluster"}, False),
        ({"kinds": [{"apiGroups": ["apps"], "kinds": ["Deployment"]}]}, False),
        ({"excludedNamespaces": ["shop"]}, False),
        ({"labelSelector": {"matchLabels": {"app": "web"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"team": "shop"}}}, True),
        ({"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}}, False),
    ],
)
def test_a_constraint_covers_a_namespace(match: dict[str, object], covered: bool) -> None:
    """Every pod of it, as it is created: one name, or what a template generates, is not that."""
    assert constrains(msgspec.convert(match, GatekeeperMatch), Space("shop", {"team": "shop"})) is covered
