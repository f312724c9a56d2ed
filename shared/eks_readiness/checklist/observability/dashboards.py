"""Dashboards: the cluster's state can be looked at."""

from __future__ import annotations

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.observability.agents import among, either
from eks_readiness.domain.evidence import (
    CloudWatchDashboards,
    Components,
    GrafanaDashboards,
    GrafanaWorkspaces,
    Unavailable,
)
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy


@check(
    "dashboards.present",
    needs=(
        if_available(CloudWatchDashboards),
        if_available(GrafanaDashboards),
        if_available(GrafanaWorkspaces),
        if_available(Components),
    ),
    required=True,
)
def a_dashboard_shows_the_cluster(
    cloudwatch: CloudWatchDashboards | Unavailable,
    grafana: GrafanaDashboards | Unavailable,
    workspaces: GrafanaWorkspaces | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """A dashboard names the cluster.

    A CloudWatch dashboard whose body names it; a GrafanaDashboard in the cluster that a Grafana has taken over; or an
    active workspace of Amazon Managed Grafana whose name, description or tags name it. Dashboards that a Grafana keeps
    in its database or in ConfigMaps are not seen: with such a Grafana alone it is unknown.
    Why: in an incident nobody has the time to write queries.
    Fix: aws cloudwatch put-dashboard with widgets whose dimension ClusterName is the cluster, or tag the workspace.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/create_dashboard.html
    """
    return either([_cloudwatch(cloudwatch), _in_the_cluster(grafana), _managed(workspaces), _unseen(components)])


def _cloudwatch(dashboards: CloudWatchDashboards | Unavailable) -> Verdict | Unavailable:
    if isinstance(dashboards, Unavailable):
        return dashboards
    if dashboards.naming:
        return passed(f"CloudWatch dashboard {dashboards.naming} names the cluster")
    if dashboards.read < dashboards.total:
        return Unavailable(
            reason="unsupported",
            detail=f"{dashboards.read} of {dashboards.total} CloudWatch dashboards were read, none names the cluster",
            remedy="name one after the cluster: those are looked at first",
        )
    return failed(f"none of {dashboards.total} CloudWatch dashboards names the cluster")


def _in_the_cluster(grafana: GrafanaDashboards | Unavailable) -> Verdict | Unavailable:
    if isinstance(grafana, Unavailable):
        return grafana
    if grafana.synchronized.total:
        return passed(f"{grafana.synchronized.total} GrafanaDashboards{among(grafana.synchronized.names)}")
    if grafana.unsynchronized.total:
        names = list(grafana.unsynchronized.names)
        total = grafana.unsynchronized.total
        return failed(f"no Grafana shows the {total} GrafanaDashboards", names, total=total)
    return failed("there is no GrafanaDashboard")


def _managed(workspaces: GrafanaWorkspaces | Unavailable) -> Verdict | Unavailable:
    if isinstance(workspaces, Unavailable):
        return workspaces
    if workspaces.naming:
        return passed(f"workspace {workspaces.naming[0]} of Amazon Managed Grafana names the cluster")
    if not workspaces.offered:
        return failed("AWS does not offer Managed Grafana here")
    return failed(f"none of {workspaces.others} workspaces of Amazon Managed Grafana names it")


def _unseen(components: Components | Unavailable) -> Verdict | Unavailable:
    if isinstance(components, Unavailable):
        return components
    if running := next((each for each in components.named("grafana") if each.ready), None):
        return Unavailable(
            reason="unsupported",
            detail=f"{running.where} runs; which dashboards it shows stands in its database and in ConfigMaps",
            remedy="declare them as GrafanaDashboards, or waive the check",
        )
    return failed("no Grafana runs in the cluster")
