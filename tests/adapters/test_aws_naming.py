"""What in AWS is about one cluster, and what cannot be there at all."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from eks_readiness.adapters import aws_dashboards, aws_metrics, aws_traces
from eks_readiness.adapters.aws_naming import mentions, named_after, of_environment
from eks_readiness.adapters.probe import Gathered
from eks_readiness.domain.cluster import ClusterRef
from tests.doubles.memory import MemoryAws
from tests.doubles.scenario import load_scenario

CHINA = ClusterRef(partition="aws-cn", region="cn-north-1", account="111122223333", name="prod")


@pytest.mark.parametrize(
    ("text", "whole", "part"),
    [
        ("prod", True, True),
        ('["ContainerInsights","pod_cpu","ClusterName","prod"]', True, True),
        ("/aws/containerinsights/prod/application", True, True),
        ("eks-prod-nodes", False, True),
        ("eks_prod_nodes", False, True),
        ("prod.nodes", True, True),
        ("production", False, False),
        ("preprod", False, False),
        ("", False, False),
    ],
)
def test_names(text: str, *, whole: bool, part: bool) -> None:
    """In a text hyphens belong to a word; a name is made of parts."""
    assert mentions(text, "prod") is whole
    assert named_after(text, "prod") is part


def test_names_are_not_patterns() -> None:
    """A cluster may be called anything that EKS allows; none of it is a pattern."""
    assert not mentions("prodXeu", "prod_eu")
    assert mentions("a prod_eu b", "prod_eu")


@pytest.mark.parametrize(
    ("environment", "mine"),
    [
        ("eks:prod/shop", True),
        ("eks:prod", True),
        ("eks:prod-old/shop", False),
        ("k8s:prod/shop", False),
        ("ecs:prod", False),
        ("prod", False),
        ("", False),
    ],
)
def test_environments(environment: str, *, mine: bool) -> None:
    """The platform and the cluster's whole name decide."""
    assert of_environment(environment, "prod") is mine


def test_services_that_china_does_not_have_are_not_asked() -> None:
    """They are not in use there, which is known without asking."""
    gathered = Gathered(CHINA, datetime(2026, 3, 10, 12, tzinfo=UTC), MappingProxyType({}))
    aws = MemoryAws(load_scenario("prod"))
    found = (
        aws_metrics.read_scrapers(aws, gathered),
        aws_dashboards.read_workspaces(aws, gathered),
        aws_traces.read_application_signals(aws, gathered),
        aws_traces.read_objectives(aws, gathered),
    )
    assert [each.offered for each in found] == [False] * 4
    assert aws.calls == []
