"""Commands on a deployment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eks_readiness.app.effective_policy import stale_after_intervals
from eks_readiness.app.query_results import cluster_state, current_results, newest_scan, scan_history
from eks_readiness.app.record_attestation import record_attestations
from eks_readiness.app.register_cluster import list_clusters, register_cluster, remove_cluster
from eks_readiness.app.waive import waive as record_waiver
from eks_readiness.cli.app import (
    DEPLOYMENT,
    DeploymentOption,
    ExitCode,
    Output,
    OutputOption,
    ProfileOption,
    RegionOption,
    RequireLevelOption,
    app,
    level_exit_code,
    note,
    parse_instant,
    show,
    show_json,
)
from eks_readiness.cli.statements import parse_scope, parse_words, require_known
from eks_readiness.cli.thresholds import read_thresholds
from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation, Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.document_address import document_address
from eks_readiness.domain.errors import InputError, ProbeError
from eks_readiness.domain.ledger import ClusterState, Registration, ScanRequest, ScanSpan
from eks_readiness.domain.scorecard import Scorecard
from eks_readiness.domain.standing import Standing, standing
from eks_readiness.ports import BrokenRow
from eks_readiness.reports.scorecard_document import scorecard_document
from eks_readiness.reports.tables import ClusterLine, fleet_table, history_table, scorecard_table, when

if TYPE_CHECKING:
    # boto3 is loaded only by commands that use a deployment: the others must start at once.
    from eks_readiness.bootstrap.deployed import Deployment

ArnArgument = Annotated[str, typer.Argument(help="ARN of the cluster.")]
ExpiresOption = Annotated[str, typer.Option(help="Until when it counts: a date, or a distance like 90d.")]
ScopeOption = Annotated[str, typer.Option("--cluster", help="ARN of the cluster; * for every cluster.")]
IntervalOption = Annotated[
    float,
    typer.Option("--interval-hours", min=0.01, help="The schedule's interval: it says from when on a level is stale."),
]

clusters = typer.Typer(help="The register of clusters that are scanned.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(clusters, name="clusters")


def connected(name: str, region: str | None, profile: str | None) -> Deployment:
    """Reach a deployment; rows that cannot be read are named beside the result."""
    from eks_readiness.bootstrap.deployed import connect  # noqa: PLC0415 - see above

    return connect(name, region=region, profile=profile, on_broken_row=_tell_broken_row)


def _tell_broken_row(row: BrokenRow) -> None:
    note(f"warning: row {row.key} of the ledger is left out: {row.problem}")


def record(name: str, attestations: Sequence[Attestation], *, region: str | None, profile: str | None) -> None:
    """Record attestations in a deployment."""
    deployment = connected(name, region, profile)
    record_attestations(attestations, ledger=deployment.ledger, checklist=deployment.checklist)


@clusters.command("register")
def register(
    arn: ArnArgument,
    policy: Annotated[Path | None, typer.Option("--policy", help="JSON file of thresholds for this cluster.")] = None,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Register a cluster, or change the thresholds of a registered one; its first scan is requested at once."""
    cluster = ClusterRef.parse(arn)
    there = connected(deployment, region, profile)
    thresholds = read_thresholds(policy, items=there.checklist.subjects)
    if (refused := there.refuse(cluster)) is not None:
        raise InputError(refused.args[0], remedy="register clusters that EKS runs: aws eks list-clusters")
    register_cluster(
        cluster, policy=thresholds, items=there.checklist.subjects, registry=there.ledger.registry, clock=there.clock
    )
    _request(there, cluster)
    note(f"{cluster} is registered, and its first scan requested")


@clusters.command("list")
def list_registered(
    output: OutputOption = Output.TABLE,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """List the registered clusters."""
    found = list_clusters(connected(deployment, region, profile).ledger.registry)
    if output is Output.JSON:
        show_json(
            [{"arn": each.cluster.arn, "registered_at": each.registered_at, "policy": each.policy} for each in found]
        )
        return
    for each in found:
        typer.echo(each.cluster.arn)
    if not found:
        note("no cluster is registered; register one with: eks-readiness clusters register <arn>")


@clusters.command("remove")
def remove(
    arn: ArnArgument,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Take a cluster off the register; its history stays."""
    cluster = ClusterRef.parse(arn)
    there = connected(deployment, region, profile)
    if not remove_cluster(cluster, ledger=there.ledger, clock=there.clock):
        raise InputError(f"{cluster} is not registered", remedy="see: eks-readiness clusters list")
    note(f"{cluster} is no longer scanned; its history stays")


@app.command("rescan")
def rescan(
    arn: ArnArgument,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Request a scan of a registered cluster now."""
    cluster = ClusterRef.parse(arn)
    there = connected(deployment, region, profile)
    if there.ledger.registry.registration(cluster.arn) is None:
        raise InputError(f"{cluster} is not registered", remedy="see: eks-readiness clusters list")
    _request(there, cluster)
    note(f"a scan of {cluster} is requested")


def _request(deployment: Deployment, cluster: ClusterRef) -> None:
    slot = deployment.clock.now().replace(microsecond=0)
    deployment.queue.send([ScanRequest(cluster_arn=cluster.arn, slot=slot, trigger="request")])


@app.command("results")
def results(
    arn: Annotated[str | None, typer.Argument(help="ARN of a cluster; without one, the whole fleet.")] = None,
    output: OutputOption = Output.TABLE,
    every_check: Annotated[bool, typer.Option("--all", help="Show checks that pass, too.")] = False,
    level: RequireLevelOption = None,
    interval_hours: IntervalOption = 1.0,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Show what the newest scans found: of the whole fleet, or of one cluster with every check."""
    cluster = ClusterRef.parse(arn) if arn else None
    there = connected(deployment, region, profile)
    if cluster is None:
        _fleet(there, output, level, timedelta(hours=interval_hours))
        return
    state = cluster_state(cluster, there.ledger)
    found = newest_scan(cluster, state, there.ledger)
    if state is None or found is None:
        raise _not_scanned(cluster)
    registration = there.ledger.registry.registration(cluster.arn)
    now = _standing(there, registration, state, timedelta(hours=interval_hours))
    if output is Output.JSON:
        show_json(
            {
                "published": _published(state, now),
                "newest_scan": scorecard_document(found.scorecard),
                "found_since": found.scan.slot,
                "found_by_scans": found.scans,
                "detail_missing": found.scan.detail_missing,
            }
        )
    else:
        show("\n".join(_published_in_words(state, now)))
        show(scorecard_table(found.scorecard, every_check=every_check))
    _tell_what_it_stands_on(found)
    _require_levels([(state, now)], level)


def newest_scorecard(cluster: ClusterRef, name: str, *, region: str | None, profile: str | None) -> Scorecard:
    """What the newest scan of a cluster found."""
    ledger = connected(name, region, profile).ledger
    found = newest_scan(cluster, cluster_state(cluster, ledger), ledger)
    if found is None:
        raise _not_scanned(cluster)
    _tell_what_it_stands_on(found)
    return found.scorecard


def _tell_what_it_stands_on(found: ScanSpan) -> None:
    if found.confirmed is not None:
        note(
            f"{found.scans} scans found this, from {when(found.scan.slot)} to {when(found.newest_slot)}; where a check "
            "passes, numbers in its reason are the first one's"
        )
    if found.scan.detail_missing:
        note(f"warning: details of this scan are missing, its level and items are not: {found.scan.detail_missing}")


def _not_scanned(cluster: ClusterRef) -> InputError:
    return InputError(f"{cluster} was not scanned yet", remedy="see: eks-readiness clusters list, eks-readiness rescan")


def _require_levels(shown: Iterable[tuple[ClusterState | None, Standing]], level: int | None) -> None:
    """End the command unless every cluster is published at the required level, and still proven to be there."""
    codes = {_exit_code(state, stand, level) for state, stand in shown} if level is not None else set[ExitCode]()
    for code in (ExitCode.BELOW_LEVEL, ExitCode.UNKNOWN):
        if code in codes:
            raise typer.Exit(code)


def _exit_code(state: ClusterState | None, stand: Standing, level: int) -> ExitCode:
    if state is None or stand.certainty == "stale":
        return ExitCode.UNKNOWN
    code = level_exit_code(state.interval, level)
    # A rise counts once it is published: one scan may have been lucky.
    return ExitCode.BELOW_LEVEL if code is ExitCode.OK and state.level < level else code


def _fleet(there: Deployment, output: Output, level: int | None, interval: timedelta) -> None:
    found = current_results(there.ledger)
    stand = {each.registration.cluster: _standing(there, each.registration, each.state, interval) for each in found}
    if output is Output.JSON:
        show_json(
            [
                {
                    "cluster": each.registration.cluster.arn,
                    "published": _published(each.state, stand[each.registration.cluster]),
                }
                for each in found
            ]
        )
    else:
        show(
            fleet_table(
                ClusterLine(
                    each.registration,
                    stand[each.registration.cluster],
                    _next_blockers(each.state),
                    each.state.observed_at if each.state else None,
                )
                for each in found
            )
        )
    if not found:
        note("no cluster is registered; register one with: eks-readiness clusters register <arn>")
    _require_levels([(each.state, stand[each.registration.cluster]) for each in found], level)


def _standing(
    there: Deployment, registration: Registration | None, state: ClusterState | None, interval: timedelta
) -> Standing:
    return standing(
        state,
        at=there.clock.now(),
        interval=interval,
        stale_after_intervals=stale_after_intervals({}, registration.policy if registration else {}),
    )


def _published(state: ClusterState | None, stand: Standing) -> dict[str, object]:
    if state is None:
        return {"certainty": stand.certainty, "level": None}
    return {
        "certainty": stand.certainty,
        "level": state.level,
        "as_of": stand.as_of,
        "coverage_lost_at": state.coverage_lost_at,
        "unstable": stand.unstable,
        "moves_held": stand.moves_held,
        "interval": state.interval,
        "level_since": state.level_since,
        "observed_at": state.observed_at,
        "cluster_created_at": state.created_at,
        "missing_for": state.missing,
        "unknown_for": state.unknown,
        "score_percent": state.score_percent,
    }


def _published_in_words(state: ClusterState, stand: Standing) -> list[str]:
    lines = [f"published level: {stand}, since {when(state.level_since)}"]
    if state.coverage_lost_at is not None:
        lines.append(f"nothing proves it any more: told {when(state.coverage_lost_at)}")
    lines += [
        f"moved {when(each.slot)}: from {each.from_level} to {each.to_level}, not told yet" for each in state.held
    ]
    return lines


def _next_blockers(state: ClusterState | None) -> tuple[str, ...]:
    if state is None:
        return ()
    wanted = str(min(state.level + 1, 3))
    return (*state.missing.get(wanted, ()), *(f"{item} (unknown)" for item in state.unknown.get(wanted, ())))


@app.command("history")
def history(
    arn: ArnArgument,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many findings: one may be that of many scans.")] = 20,
    output: OutputOption = Output.TABLE,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Show what a cluster's scans found, newest first: one line for all scans in a row that found the same."""
    cluster = ClusterRef.parse(arn)
    found = scan_history(cluster, connected(deployment, region, profile).ledger, limit=limit)
    if output is Output.JSON:
        show_json([_brief(each) for each in found])
    else:
        show(history_table(found))
    if not found:
        note(f"{cluster} was not scanned yet")


def _brief(found: ScanSpan) -> dict[str, object]:
    scan, document = found.scan, scorecard_document(found.scorecard)
    return {
        "slot": scan.slot,
        "newest_slot": found.newest_slot,
        "scans": found.scans,
        "observed_at": document.observed_at,
        "scan_id": scan.scan_id,
        "trigger": scan.trigger,
        "cluster_created_at": scan.scorecard.cluster_created_at,
        "level": document.level,
        "interval": document.interval,
        "missing_for": document.missing_for,
        "unknown_for": document.unknown_for,
        "score_percent": document.score_percent,
        "ruleset": document.ruleset,
    }


@app.command("attest")
def attest(
    subjects: Annotated[list[str], typer.Argument(help="Items or checks that hold.")],
    owner: Annotated[str, typer.Option(help="Who stands for it.")],
    expires: ExpiresOption,
    cluster: ScopeOption = EVERY_CLUSTER,
    evidence: Annotated[
        str,
        typer.Option(
            help="Address of the evidence. Of s3://bucket/key and the ARN of a Systems Manager document, the version "
            "that is there now is attested: when it changes, the statement no longer counts."
        ),
    ] = "",
    missing: Annotated[bool, typer.Option("--missing", help="Say that it does not hold.")] = False,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Record that items or checks hold: a dated statement, which expires."""
    require_known(subjects)
    owner, cluster = parse_words(owner, option="--owner"), parse_scope(cluster)
    evidence = parse_words(evidence, option="--evidence", most=2000) if evidence else ""
    there = connected(deployment, region, profile)
    now = there.clock.now().replace(microsecond=0)
    expires_at = parse_instant(expires, option="--expires", now=now)
    evidence = _pinned(there, evidence)
    statements = [
        Attestation(
            subject=each,
            cluster=cluster,
            holds=not missing,
            owner=owner,
            evidence_uri=evidence,
            issued_at=now,
            expires_at=expires_at,
        )
        for each in subjects
    ]
    record_attestations(statements, ledger=there.ledger, checklist=there.checklist)
    note(f"{_named(subjects)} attested until {expires_at:%Y-%m-%d}; the next scan counts it")


def _pinned(deployment: Deployment, evidence: str) -> str:
    if document_address(evidence) is None:
        return evidence
    try:
        return deployment.pin(evidence)
    except ProbeError as error:
        raise InputError(
            f"--evidence: {evidence} cannot be looked at: {error.args[0]}",
            remedy="correct the address, or name a version: ?versionId=…, ?etag=…, ?version=…",
        ) from error


@app.command("waive")
def waive(
    check: Annotated[str, typer.Argument(help="Check, or item without checks, that is accepted as it is.")],
    owner: Annotated[str, typer.Option(help="Who accepts it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    expires: ExpiresOption,
    cluster: ScopeOption = EVERY_CLUSTER,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Accept a check that fails or is unknown, for a reason and until a date; its verdict stays visible."""
    require_known([check])
    owner, reason = parse_words(owner, option="--owner"), parse_words(reason, option="--reason")
    cluster = parse_scope(cluster)
    there = connected(deployment, region, profile)
    now = there.clock.now().replace(microsecond=0)
    waiver = Waiver(
        check=check,
        cluster=cluster,
        owner=owner,
        reason=reason,
        issued_at=now,
        expires_at=parse_instant(expires, option="--expires", now=now),
    )
    record_waiver(waiver, ledger=there.ledger, checklist=there.checklist)
    note(f"{check} is waived until {waiver.expires_at:%Y-%m-%d}; the next scan counts it")


def _named(subjects: Iterable[str]) -> str:
    return ", ".join(subjects)
