"""A small fleet, served: one account with a cluster in each of several regions, over their real wires."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from eks_readiness.domain.cluster import ClusterRef
from tests.doubles.aws_server import AwsServer
from tests.doubles.kubernetes_server import KubernetesServer
from tests.doubles.scenario import Scenario, load_scenario, service_model, services_of


def _service_id(service: str) -> str:
    identifier: str = service_model(service).service_id
    return identifier.upper().replace(" ", "_")


REGIONS = {"prod": "eu-west-1", "auto": "eu-central-1", "bare": "us-east-1", "locked": "eu-north-1"}
SERVICES = tuple(sorted({_service_id(each) for each in services_of(tuple(REGIONS))}))
"""Of every service that a scenario answers for: its id, as the SDK's environment variables spell it."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLEFLEET0001", "AWS_SECRET_ACCESS_KEY": "fleet-secret-key"}


class Fleet:
    """Scenarios behind servers. `change` breaks and repairs a cluster while it is being watched."""

    def __init__(self, names: tuple[str, ...] = tuple(REGIONS), *, now: datetime) -> None:
        self._now = now
        self._changes: dict[str, list[Mapping[str, Any]]] = {name: [] for name in names}
        self.kubernetes = {
            name: KubernetesServer(scenario)
            for name in names
            if (scenario := load_scenario(name, now=now, region=REGIONS[name])).reachable
        }
        self.aws = AwsServer({REGIONS[name]: self._scenario(name) for name in names})

    def _scenario(self, name: str) -> Scenario:
        scenario = load_scenario(name, now=self._now, region=REGIONS[name])
        server = self.kubernetes.get(name)
        # An endpoint that nobody answers on: the port of a listener that is not there.
        endpoint = {"endpoint": server.url if server else "https://127.0.0.1:9"}
        authority = {"certificateAuthority": {"data": server.ca_data}} if server else {}
        merge = {"service": "eks", "operation": "DescribeCluster", "merge": {"cluster": {**endpoint, **authority}}}
        scenario = scenario.changed({"aws": [merge]})
        for change in self._changes[name]:
            scenario = scenario.changed(change)
        return scenario

    def cluster(self, name: str) -> ClusterRef:
        """Which cluster that is."""
        return self.aws.scenarios[REGIONS[name]].cluster

    def change(self, name: str, change: Mapping[str, Any]) -> None:
        """Change a cluster, on top of earlier changes."""
        self._changes[name].append(change)
        self._apply(name)

    def repair(self, name: str, *, now: datetime | None = None) -> None:
        """Take every change back; at another instant if one is named."""
        self._changes[name].clear()
        self._now = now or self._now
        self._apply(name)

    def _apply(self, name: str) -> None:
        scenario = self._scenario(name)
        self.aws.scenarios[REGIONS[name]] = scenario
        if name in self.kubernetes:
            self.kubernetes[name].cluster.scenario = replace(scenario)

    @property
    def endpoint_urls(self) -> dict[str, str]:
        """SDK service id → address, for the services that scans read."""
        return {service.lower(): self.aws.url for service in SERVICES}

    def environment(self, region: str) -> dict[str, str]:
        """The environment in which a process reads this account and nothing else."""
        urls = {f"AWS_ENDPOINT_URL_{service}": self.aws.url for service in SERVICES}
        path = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        return {**path, **CREDENTIALS, **urls, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}

    def close(self) -> None:
        """Stop every server."""
        self.aws.close()
        for server in self.kubernetes.values():
            server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
