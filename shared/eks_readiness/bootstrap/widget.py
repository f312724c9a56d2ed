"""Composition root of the dashboard's widget: it reads the ledger, and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from eks_readiness.adapters.aws_session import SdkSession
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.emf_metrics import EmfMetricSink
from eks_readiness.app.effective_policy import stale_after_intervals
from eks_readiness.app.query_results import cluster_state, current_results, newest_scan
from eks_readiness.bootstrap.functions import ledger_of
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import InputError
from eks_readiness.domain.ledger import ClusterState, Registration
from eks_readiness.domain.policy import parse_policy
from eks_readiness.domain.standing import Standing, standing
from eks_readiness.ports import Clock, Ledger
from eks_readiness.reports.widget import cluster_page, fleet_page
from eks_readiness.settings import WidgetSettings

DESCRIPTION = """## Readiness of the fleet
Every registered cluster with its level, what stands in the way of the next level, and its newest scan.

### Parameters
``` yaml
cluster: arn:aws:eks:<region>:<account>:cluster/<name>   # optional: one cluster with its open items
```
"""


@dataclass(frozen=True, kw_only=True)
class Widget:
    """Renders pages."""

    ledger: Ledger
    clock: Clock
    interval: timedelta
    stale_after_intervals: float

    def __call__(self, event: object, *, endpoint: str) -> str:
        """The page that an event asks for; whatever else it holds is ignored.

        Raises:
            InputError: it names a cluster that was never scanned, or no cluster.
        """
        asked = event if isinstance(event, dict) else {}
        if asked.get("describe"):
            return DESCRIPTION
        if not asked.get("cluster"):
            found = current_results(self.ledger)
            return fleet_page(
                ((each.registration, each.state, self._standing(each.state, each.registration)) for each in found),
                endpoint=endpoint,
            )
        cluster = ClusterRef.parse(str(asked["cluster"]))
        state = cluster_state(cluster, self.ledger)
        newest = newest_scan(cluster, state, self.ledger)
        if state is None or newest is None:
            raise InputError(f"{cluster} was not scanned yet")
        registration = self.ledger.registry.registration(cluster.arn)
        return cluster_page(state, newest, self._standing(state, registration), endpoint=endpoint)

    def _standing(self, state: ClusterState | None, registration: Registration | None) -> Standing:
        fleet = {"stale_after_intervals": self.stale_after_intervals}
        return standing(
            state,
            at=self.clock.now(),
            interval=self.interval,
            stale_after_intervals=stale_after_intervals(fleet, registration.policy if registration else {}),
        )


def widget(settings: WidgetSettings) -> Widget:
    """Put the widget together."""
    # Levels of items that an installed package added are none of its business, and it has no such packages.
    policy = parse_policy(settings.policy, where="thresholds of the deployment")
    return Widget(
        ledger=ledger_of(SdkSession(), settings, EmfMetricSink(settings.deployment)),
        clock=SystemClock(),
        interval=timedelta(seconds=settings.scan_interval_seconds),
        stale_after_intervals=policy.stale_after_intervals,
    )
