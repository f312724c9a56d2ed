"""The dashboard's custom widget: the fleet as a table, and one cluster with what stands in its way.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard.html
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from eks_readiness.domain.ledger import ClusterState, Registration, ScanSpan
from eks_readiness.domain.scorecard import ItemState, Scorecard
from eks_readiness.domain.standing import Standing

MAX_ROWS = 200
"""Rows shown: a widget's answer is bounded, and nobody reads more."""
MAX_OFFENDERS = 5


@cache
def _template() -> Template:
    # Everything that is put into the page is escaped: names and reasons come from clusters.
    environment = Environment(
        loader=PackageLoader("eks_readiness", "reports"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("widget.html.jinja")


def fleet_page(clusters: Iterable[tuple[Registration, ClusterState | None, Standing]], *, endpoint: str) -> str:
    """Every cluster with its level, what is in the way of the next, and its newest scan; the lowest levels first.

    `endpoint` is the function's own ARN: a click on a cluster calls it again.
    """
    rows = [_row(registration, state, stand) for registration, state, stand in clusters]
    rows.sort(key=lambda row: (row["level"] if isinstance(row["level"], int) else -1, str(row["name"])))
    return _template().render(cluster=None, rows=rows[:MAX_ROWS], endpoint=endpoint)


def _row(registration: Registration, state: ClusterState | None, stand: Standing) -> dict[str, object]:
    cluster = registration.cluster
    wanted = str(min(state.level + 1, 3)) if state else ""
    return {
        "arn": cluster.arn,
        "name": cluster.name,
        "region": cluster.region,
        "account": cluster.account,
        "level": stand.level,
        "certainty": stand.certainty,
        "standing": str(stand),
        "missing": state.missing.get(wanted, ()) if state else (),
        "unknown": state.unknown.get(wanted, ()) if state else (),
        "scanned": _when(state.observed_at) if state else "",
    }


def cluster_page(state: ClusterState, found: ScanSpan, stand: Standing, *, endpoint: str) -> str:
    """One cluster: the items that are missing or unknown, by level, and why."""
    open_items = [
        _open_item(each, found.scorecard) for each in found.scorecard.items if each.state in ("missing", "unknown")
    ]
    cluster = {
        "name": state.cluster.name,
        "where": f"{state.cluster.region}, {state.cluster.account}",
        "level": state.level,
        "certainty": stand.certainty,
        "standing": str(stand),
        "since": _when(state.level_since),
        "coverage_lost": _when(state.coverage_lost_at) if state.coverage_lost_at else "",
        "held": [(_when(each.slot), each.from_level, each.to_level) for each in state.held],
        "scanned": _when(state.observed_at),
        "detail_missing": found.scan.detail_missing,
        "open_items": sorted(open_items, key=lambda each: str(each["required_from"])),
    }
    return _template().render(cluster=cluster, rows=(), endpoint=endpoint)


def _open_item(state: ItemState, scorecard: Scorecard) -> dict[str, object]:
    blocking = [each for each in scorecard.findings if each.item == state.item and each.blocks]
    named = [offender for each in blocking for offender in each.offenders]
    return {
        "title": state.title,
        "required_from": state.required_from,
        "state": state.state,
        "reason": state.reason,
        "offenders": named[:MAX_OFFENDERS],
        "more": sum(each.offenders_total for each in blocking) - min(len(named), MAX_OFFENDERS),
    }


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
