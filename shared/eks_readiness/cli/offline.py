"""Commands that need no deployment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from eks_readiness.app.effective_policy import effective_policy
from eks_readiness.app.scan_cluster import fixes_by_item
from eks_readiness.bootstrap.checklist import installed_checklist
from eks_readiness.bootstrap.reads import reads
from eks_readiness.checklist.evaluate import evaluate as evaluate_evidence
from eks_readiness.checklist.evaluate import evaluate_document
from eks_readiness.cli.app import (
    DEPLOYMENT,
    DeploymentOption,
    Output,
    OutputOption,
    ProfileOption,
    RegionOption,
    RequireLevelOption,
    app,
    closest,
    note,
    parse_instant,
    read_bytes,
    read_text,
    require_level,
    show,
    show_json,
)
from eks_readiness.cli.statements import parse_scope, parse_words, read_attestations, read_waivers
from eks_readiness.cli.thresholds import read_thresholds
from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import InputError
from eks_readiness.domain.evidence import Evidence, decode_evidence, encode_evidence
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Scorecard
from eks_readiness.reports.check_catalogue import catalogue, checks_document, explanation
from eks_readiness.reports.checklist_document import attestations_of, read_checklist
from eks_readiness.reports.markdown import markdown_report
from eks_readiness.reports.scorecard_document import scorecard_document
from eks_readiness.reports.tables import attestations_table, checks_table, scorecard_table

AttestationsOption = Annotated[
    list[Path] | None, typer.Option("--attestations", help="JSON file of attestations (made by `import`); repeatable.")
]
WaiversOption = Annotated[list[Path] | None, typer.Option("--waivers", help="JSON file of waivers; repeatable.")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="JSON file of thresholds.")]
ChecklistOption = Annotated[
    Path | None, typer.Option("--checklist", help="Judge a checklist document by its own ticks instead of evidence.")
]
EvidenceArgument = Annotated[Path | None, typer.Argument(help="Evidence made by `collect`; - reads standard input.")]
ClusterOption = Annotated[str, typer.Option("--cluster", help="Name or ARN of the cluster.")]
ContextOption = Annotated[
    str | None, typer.Option("--context", help="Context of the kubeconfig; without one, EKS is asked for the endpoint.")
]
SecondsOption = Annotated[float, typer.Option("--seconds", min=1, max=3600, help="How long gathering may take.")]


class ReportFormat(StrEnum):
    """Formats of a report."""

    MARKDOWN = "markdown"
    JSON = "json"


class CatalogueOutput(StrEnum):
    """How the checks are listed."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


@app.command("import")
def import_checklist(
    file: Annotated[Path, typer.Argument(help="Checklist document: Markdown tables with a status column.")],
    owner: Annotated[str, typer.Option(help="Who stands for the ticks.")],
    expires: Annotated[str, typer.Option(help="Until when they count: a date, or a distance like 90d.")],
    issued: Annotated[str | None, typer.Option(help="When they were made; by default now.")] = None,
    cluster: Annotated[
        str, typer.Option(help="ARN of the cluster that it is about; * for every cluster.")
    ] = EVERY_CLUSTER,
    output: OutputOption = Output.JSON,
    recorded: Annotated[bool, typer.Option("--record", help="Record them in the deployment as well.")] = False,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Read a checklist document into attestations, and print them. A wrong line imports nothing."""
    now = _now()
    owner, cluster = parse_words(owner, option="--owner"), parse_scope(cluster)
    issued_at = parse_instant(issued, option="--issued", now=now) if issued else now
    expires_at = parse_instant(expires, option="--expires", now=now)
    if expires_at <= issued_at:
        raise InputError(
            f"--expires: {expires_at:%Y-%m-%d} is not after {issued_at:%Y-%m-%d}", remedy="name a later date"
        )
    rows = read_checklist(read_text(file), file=str(file))
    attestations = attestations_of(
        rows, file=file.name, owner=owner, issued_at=issued_at, expires_at=expires_at, cluster=cluster
    )
    if recorded:
        from eks_readiness.cli.deployed import record  # noqa: PLC0415 - boto3 is loaded only where it is used

        record(deployment, attestations, region=region, profile=profile)
    if output is Output.JSON:
        show_json(attestations)
    else:
        show(attestations_table(attestations))
    note(f"{len(attestations)} attestations, {sum(each.holds for each in attestations)} of them ticked")
    if expires_at <= now:
        note("warning: they have expired already, and count only for evidence that was gathered before")


@app.command("evaluate")
def evaluate(
    evidence: EvidenceArgument = None,
    checklist: ChecklistOption = None,
    attestations: AttestationsOption = None,
    waivers: WaiversOption = None,
    policy: PolicyOption = None,
    output: OutputOption = Output.TABLE,
    required: Annotated[bool, typer.Option("--all", help="Show checks that pass, too.")] = False,
    level: RequireLevelOption = None,
) -> None:
    """Judge evidence, or a checklist document by its own ticks."""
    scorecard = _judged(evidence, checklist, attestations, waivers, policy)
    _show_scorecard(scorecard, output, every_check=required)
    require_level(scorecard.level, level)


@app.command("report")
def report(
    evidence: EvidenceArgument = None,
    checklist: ChecklistOption = None,
    attestations: AttestationsOption = None,
    waivers: WaiversOption = None,
    policy: PolicyOption = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="ARN of a cluster: report the newest scan in the deployment.")
    ] = None,
    deployment: DeploymentOption = DEPLOYMENT,
    region: RegionOption = None,
    profile: ProfileOption = None,
    form: Annotated[ReportFormat, typer.Option("--format", help="Format of the report.")] = ReportFormat.MARKDOWN,
) -> None:
    """Write a report of evidence, of a checklist document, or of a cluster's newest scan in a deployment."""
    if cluster is None:
        scorecard = _judged(evidence, checklist, attestations, waivers, policy)
    elif evidence or checklist or attestations or waivers or policy:
        raise InputError("--cluster reports what was judged already", remedy="leave out the other inputs")
    else:
        from eks_readiness.cli.deployed import newest_scorecard  # noqa: PLC0415 - boto3 is loaded only where it is used

        scorecard = newest_scorecard(ClusterRef.parse(cluster), deployment, region=region, profile=profile)
    if form is ReportFormat.JSON:
        show_json(scorecard_document(scorecard))
    else:
        typer.echo(markdown_report(scorecard, _fixes(scorecard)), nl=False)


@app.command("checks")
def checks(
    output: Annotated[
        CatalogueOutput, typer.Option("--output", "-o", help="How to list them.")
    ] = CatalogueOutput.TABLE,
) -> None:
    """List every declared check: its item, whether it is required, from which level, and its source."""
    checklist = installed_checklist()
    if output is CatalogueOutput.MARKDOWN:
        typer.echo(checks_document(checklist, Policy(), reads()), nl=False)
    elif output is CatalogueOutput.JSON:
        show_json(catalogue(checklist, Policy(), reads()))
    else:
        show(checks_table(catalogue(checklist, Policy(), reads())))


@app.command("explain")
def explain(check: Annotated[str, typer.Argument(help="Id of a check, like storage.volumes-encrypted.")]) -> None:
    """Explain one check: what holds, why it matters, how to fix it, and where the rule comes from."""
    checklist = installed_checklist()
    found = checklist.check(check)
    if found is None:
        raise InputError(f"no check is called {check[:100]!r}", remedy=closest(check, [each.id for each in checklist]))
    typer.echo(explanation(checklist, found, Policy(), reads()), nl=False)


@app.command("collect")
def collect(
    cluster: ClusterOption,
    context: ContextOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    attestations: AttestationsOption = None,
    seconds: SecondsOption = 120.0,
) -> None:
    """Gather all evidence of a cluster and print it as one JSON document, for `evaluate` and `report`.

    With --attestations, the documents that those point to are looked at as well.
    """
    evidence = _gathered(cluster, context, region, profile, seconds, read_attestations(attestations), note)
    typer.echo(encode_evidence(evidence).decode())


@app.command("scan")
def scan(
    cluster: ClusterOption,
    context: ContextOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    attestations: AttestationsOption = None,
    waivers: WaiversOption = None,
    policy: PolicyOption = None,
    output: OutputOption = Output.TABLE,
    required: Annotated[bool, typer.Option("--all", help="Show checks that pass, too.")] = False,
    level: RequireLevelOption = None,
    seconds: SecondsOption = 120.0,
) -> None:
    """Scan a cluster from here, with your own AWS credentials and kubeconfig; nothing needs to be deployed."""
    thresholds, stated, waived = _policy(policy), read_attestations(attestations), read_waivers(waivers)
    progress = note if output is Output.TABLE else _silent
    evidence = _gathered(cluster, context, region, profile, seconds, stated, progress)
    scorecard = evaluate_evidence(
        evidence, installed_checklist(), policy=thresholds, attestations=stated, waivers=waived
    )
    _show_scorecard(scorecard, output, every_check=required)
    unavailable = evidence.unavailable()
    if unavailable and output is Output.TABLE:
        note(f"{len(unavailable)} of {len(evidence.slices)} pieces of evidence could not be had: the result is partial")
    require_level(scorecard.level, level)


@app.command("access")
def access(
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Name or ARN of the cluster: says how the scanner may enter it.")
    ] = None,
    role: Annotated[str, typer.Option("--role-arn", help="ARN of the scanner's role.")] = "<the scanner's role>",
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Print the rights that the scanner needs in a cluster, for `kubectl apply -f -`, and how it may enter."""
    from eks_readiness.adapters.access import entrance, manifests  # noqa: PLC0415 - the SDK comes with it
    from eks_readiness.adapters.probes import KUBERNETES_PROBES  # noqa: PLC0415 - as above
    from eks_readiness.bootstrap import laptop  # noqa: PLC0415 - as above

    mode = laptop.authentication_mode(cluster, region=region, profile=profile) if cluster else ""
    show_json(manifests(KUBERNETES_PROBES))
    for line in entrance(mode, cluster=cluster or "<cluster>", role=role):
        note(line)


def _fixes(scorecard: Scorecard) -> dict[ItemId, str]:
    """How items are put right; a stored scan may hold findings of checks that this version does not know."""
    checklist = installed_checklist()
    findings = tuple(each for each in scorecard.findings if checklist.check(each.check))
    return fixes_by_item(msgspec.structs.replace(scorecard, findings=findings), checklist)


def _silent(_text: str) -> None:
    """With JSON on standard output, nothing is said beside it."""


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _gathered(  # what a user may say about a cluster
    cluster: str,
    context: str | None,
    region: str | None,
    profile: str | None,
    seconds: float,
    stated: Sequence[Attestation],
    on_progress: Callable[[str], None],
) -> Evidence:
    from eks_readiness.bootstrap import laptop  # noqa: PLC0415 - boto3 is loaded only where it is used

    return laptop.collect(
        cluster,
        context=context,
        region=region,
        profile=profile,
        seconds=seconds,
        documents=[each.evidence_uri for each in stated if each.evidence_uri],
        on_progress=on_progress,
    )


def _judged(
    evidence: Path | None,
    checklist: Path | None,
    attestations: Sequence[Path] | None,
    waivers: Sequence[Path] | None,
    policy: Path | None,
) -> Scorecard:
    thresholds = _policy(policy)
    if (evidence is None) == (checklist is None):
        raise InputError("name either evidence or --checklist", remedy="make evidence with: eks-readiness collect")
    if checklist is not None and (attestations or waivers):
        raise InputError(
            "--checklist is judged by its own ticks alone", remedy="import it, and judge evidence with what that gives"
        )
    if checklist is not None:
        return _document(checklist, thresholds)
    found = decode_evidence(read_bytes(evidence or Path("-")))
    return evaluate_evidence(
        found,
        installed_checklist(),
        policy=thresholds,
        attestations=read_attestations(attestations),
        waivers=read_waivers(waivers),
    )


def _document(checklist: Path, policy: Policy) -> Scorecard:
    now = _now()
    rows = read_checklist(read_text(checklist), file=str(checklist))
    ticks = attestations_of(
        rows, file=checklist.name, owner="the document", issued_at=now, expires_at=now + timedelta(days=1)
    )
    return evaluate_document({row.item for row in rows}, ticks, policy=policy, at=now)


def _policy(path: Path | None) -> Policy:
    items = installed_checklist().subjects
    return effective_policy(read_thresholds(path, items=items), {}, items=items, where=str(path))


def _show_scorecard(scorecard: Scorecard, output: Output, *, every_check: bool) -> None:
    if output is Output.JSON:
        show_json(scorecard_document(scorecard))
    else:
        show(scorecard_table(scorecard, every_check=every_check))
