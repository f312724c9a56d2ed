"""The bundles: what is in them, and that they run with nothing but the real runtime client beside them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest

from eks_readiness.adapters.dynamo_items import outbox_key
from eks_readiness.adapters.probes import AWS_PROBES
from eks_readiness.app.register_cluster import register_cluster
from eks_readiness.bootstrap.ledger import dynamo_ledger
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.ports import Ledger
from eks_readiness.settings import DispatchSettings, RelaySettings, ScanSettings, SweepSettings, WidgetSettings
from infra.lambda_code import ROOT, BundleError, Target, build_bundle, install_wheels
from tests.adapters.test_probe_rights import NEVER_CALLED, action_of
from tests.contracts.conftest import create_table
from tests.doubles.fleet import Fleet
from tests.doubles.local_aws import LocalAws
from tests.packaging.conftest import Built
from tests.packaging.runtime import Runtime

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]
ACME = Path(__file__).parent / "acme"
_SHOW_ADDED = """
from eks_readiness.bootstrap.checklist import installed_checklist
from eks_readiness.checklist.shipped import CHECKLIST as ours
found = installed_checklist()
print(*(each.id for each in (*found.items[len(ours.items):], *found.checks[len(ours):])))
"""
SCAN = ScanSettings(
    ledger_table="ledger",
    deployment="d",
    scan_queue_url="https://sqs.eu-west-1.amazonaws.com/111122223333/scans",
    policy={},
    kubernetes_endpoint_suffixes=("127.0.0.1",),
    reserve_seconds=5,
    scan_retention_days=30,
    evidence_bucket="evidence",
)
# Lambda takes 250 MB unzipped; these leave room, and notice a package that came in by accident.
MAX_SCAN_BYTES, MAX_LIGHT_BYTES = 32_000_000, 27_000_000
_LOAD_SERVICES = """
import json, botocore.session
session = botocore.session.Session()
session.set_credentials("none", "none")
def operations(service):
    client = session.create_client(service, region_name="eu-west-1")
    return sorted(client.meta.method_to_api_mapping.values())
print(json.dumps({service: operations(service) for service in session.get_available_services()}))
"""
# What a scan finds, by whatever comes first on the path; clusters are named by the arguments.
_SCAN = """
import json, sys
from datetime import UTC, datetime
import functions.scan.handler as handler
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.ledger import Registration
from eks_readiness.domain.policy import Policy
scan, at = handler.scan.scan, datetime.fromisoformat(sys.argv[1])
for arn in sys.argv[2:]:
    registration = Registration(cluster=ClusterRef.parse(arn), registered_at=at)
    evidence = scan.evidence_source.collect(registration, seconds=60)
    findings = evaluate(evidence, scan.checklist, policy=Policy(), at=at).findings
    print(json.dumps([[each.check, each.outcome, each.reason, each.offenders] for each in findings]))
"""


def _files(bundle: Path) -> Iterator[Path]:
    return (each for each in sorted(bundle.rglob("*")) if each.is_file())


def _digest(bundle: Path) -> str:
    digest = hashlib.sha256()
    for each in _files(bundle):
        digest.update(str(each.relative_to(bundle)).encode() + each.read_bytes())
    return digest.hexdigest()


def test_they_are_small_enough(built: Built) -> None:
    """What is unpacked at every cold start."""
    sizes = [sum(each.stat().st_size for each in _files(bundle)) for bundle in (built.scan, built.light)]
    assert sizes[0] < MAX_SCAN_BYTES
    assert sizes[1] < MAX_LIGHT_BYTES


def test_the_light_one_has_no_kubernetes(built: Built) -> None:
    """Only the scanner pays for it, and not for its typed API; neither has the command line or tests."""
    assert not (built.light / "kubernetes").exists()
    assert (built.scan / "kubernetes").exists()
    assert sorted(each.name for each in (built.scan / "kubernetes").iterdir() if each.is_dir()) == [
        *("__pycache__", "client", "utils"),
    ]
    assert not (built.scan / "kubernetes" / "client" / "api").exists()
    assert not any((built.scan / name).exists() for name in ("pydantic", "requests", "oauthlib", "aiohttp"))
    for bundle in (built.scan, built.light):
        assert not (bundle / "eks_readiness" / "cli").exists()
        assert not list(bundle.glob("**/tests"))


def test_every_service_that_a_probe_calls_is_in_it(built: Built) -> None:
    """The SDK's models are cut down to the services that the code names: each action's client is made from the rest."""
    says = f"import sys; sys.path[:0] = [{str(built.scan)!r}]\n{_LOAD_SERVICES}"
    done = subprocess.run([built.interpreter, "-I", "-B", "-c", says], capture_output=True, text=True, check=True)
    operations: dict[str, list[str]] = json.loads(done.stdout)
    there = {action_of(service, name) for service, names in operations.items() for name in names}
    asked = {action for probe in AWS_PROBES for action in (*probe.actions, *probe.opt_in)}
    assert asked - there == NEVER_CALLED
    assert {"dynamodb", "sqs", "sts"} <= set(operations)
    assert not {"sagemaker", "rds", "redshift"} & set(operations)
    # Of a service, what nobody calls is left out, and with it most of what a client holds in memory.
    assert not {"RunInstances", "TerminateInstances", "CreateVpc"} & set(operations["ec2"])
    assert (built.scan / "botocore" / "data" / "ec2" / "2016-11-15" / "service-2.json").stat().st_size < 200_000


def test_models_that_are_cut_down_find_the_same(built: Built) -> None:
    """A field that got lost on the way would be missing in silence: the whole SDK must find the same, to the letter."""
    now = datetime.now(UTC).replace(microsecond=0)
    with Fleet(("prod", "auto", "bare"), now=now) as fleet:
        wheels = install_wheels("scan", Target(built.python, Target.here().architecture))
        arguments = [now.isoformat(), *(fleet.cluster(name).arn for name in ("prod", "auto", "bare"))]
        found = []
        for path in ([built.scan], [wheels, ROOT / "shared", ROOT]):
            says = f"import sys; sys.path[:0] = {[str(each) for each in path]!r}\n{_SCAN}"
            done = subprocess.run(
                [built.interpreter, "-I", "-B", "-c", says, *arguments],
                env={**fleet.environment("eu-west-1"), **SCAN.to_env()},
                capture_output=True,
                text=True,
                check=True,
            )
            found.append([json.loads(each) for each in done.stdout.splitlines() if each.startswith("[[")])
    assert [one for one in zip(*map(chain.from_iterable, found), strict=True) if one[0] != one[1]] == []
    assert [len(each) for each in found[0]] == [len(CHECKLIST.checks)] * 3
    assert "unknown" not in {outcome for _, outcome, *_ in found[0][0]}


def test_the_light_one_can_make_its_clients(built: Built) -> None:
    """Ledger, queue and topic."""
    for service in ("dynamodb", "sns", "sqs"):
        assert (built.light / "botocore" / "data" / service).is_dir()


def test_every_module_has_bytecode(built: Built) -> None:
    """The code directory is read-only: what is not compiled here is compiled at every start."""
    tag = f"cpython-{built.python.replace('.', '')}"
    for bundle in (built.scan, built.light):
        for package in ("eks_readiness", "functions", "msgspec", "botocore"):
            for module in (bundle / package).rglob("*.py"):
                assert (module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc").exists(), module


def test_the_same_input_gives_the_same_bytes(built: Built) -> None:
    """A deploy without a change changes nothing."""
    first = _digest(built.light)
    again = build_bundle("light", Target(built.python, Target.here().architecture))
    assert _digest(again) == first


def test_packages_with_checks_of_ones_own_are_in_it(built: Built, tmp_path: Path) -> None:
    """Installed into the scanner's bundle alone, found by their entry point, and without a trace of this machine."""
    target, package = Target(built.python, Target.here().architecture), str(ACME)
    light = build_bundle("light", target, packages=[package], into=tmp_path)
    assert not (light / "acme_readiness.py").exists()
    bundle = build_bundle("scan", target, packages=[package], into=tmp_path)
    says = f"import sys; sys.path[:0] = [{str(bundle)!r}]\n{_SHOW_ADDED}"
    done = subprocess.run([built.interpreter, "-I", "-B", "-c", says], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["acme-tenancy", "acme-tenancy.default-unused", "acme-tenancy.contract"]
    added = [each for each in _files(bundle) if "acme" in str(each.relative_to(bundle))]
    assert any(each.suffix == ".pyc" for each in added)
    assert not [each for each in added if str(tmp_path).encode() in each.read_bytes()]


def test_a_package_that_would_replace_ours_is_refused(tmp_path: Path) -> None:
    """A module of the same name would win or lose by chance."""
    module = tmp_path / "acme" / "msgspec.py"
    module.parent.mkdir()
    module.write_text("")
    project = (ACME / "pyproject.toml").read_text().replace("acme_readiness", "msgspec")
    (module.parent / "pyproject.toml").write_text(project)
    with pytest.raises(BundleError, match=r"bring msgspec\.py, which the scanner has already"):
        build_bundle("scan", Target.here(), packages=[str(module.parent)], into=tmp_path)
    with pytest.raises(BundleError, match="checklist_packages could not be installed"):
        build_bundle("scan", Target.here(), packages=[str(tmp_path / "missing")], into=tmp_path)


class _Account:
    """A table, a queue and a topic with a listener on a local AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.table = create_table(aws.client("dynamodb"))
        self.queue_url = aws.client("sqs").create_queue(QueueName=f"{self.table}-scans")["QueueUrl"]
        self.listener_url = aws.client("sqs").create_queue(QueueName=f"{self.table}-told")["QueueUrl"]
        self.topic_arn = aws.client("sns").create_topic(Name=f"{self.table}-topic")["TopicArn"]
        listener = aws.client("sqs").get_queue_attributes(QueueUrl=self.listener_url, AttributeNames=["QueueArn"])
        aws.client("sns").subscribe(
            TopicArn=self.topic_arn,
            Protocol="sqs",
            Endpoint=listener["Attributes"]["QueueArn"],
            Attributes={"RawMessageDelivery": "true"},
        )

    def ledger(self) -> Ledger:
        """The ledger as the command line has it."""
        session: Any = boto3.Session(
            aws_access_key_id=self.aws.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.aws.credentials["AWS_SECRET_ACCESS_KEY"],
            region_name="eu-west-1",
        )

        class Pointed:
            def client(inner, service: str, **options: Any) -> Any:  # noqa: N805 - `self` is the account here
                return session.client(service, endpoint_url=self.aws.url, **options)

        return dynamo_ledger(Pointed(), self.table, retention_days=1, on_broken_row=lambda row: pytest.fail(str(row)))

    def messages(self, url: str) -> list[str]:
        """What lies in a queue."""
        answer = self.aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2)
        return [each["Body"] for each in answer.get("Messages", ())]


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def test_they_run(built: Built, tmp_path: Path) -> None:
    """The whole way, each function in the real runtime client: a tick, a scan, an alert, a sweep, a page."""
    now = datetime.now(UTC).replace(microsecond=0)
    with LocalAws() as aws, Fleet(("bare",), now=now) as fleet:
        account = _Account(aws)
        ledger = account.ledger()
        cluster = fleet.cluster("bare")
        register_cluster(cluster, policy={}, items=(), registry=ledger.registry, clock=_Clock())
        common = {"ledger_table": account.table, "deployment": "d"}
        pointed = {name: value for name, value in aws.environment.items() if name.startswith("AWS_")}

        def runtime(bundle: Path, verb: str, environment: dict[str, str]) -> Runtime:
            return Runtime(
                bundle,
                f"functions.{verb}.handler.handler",
                python=built.interpreter,
                client=built.client,
                environment={**pointed, **environment},
                log=tmp_path / f"{verb}.log",
            )

        dispatch = DispatchSettings(**common, scan_queue_url=account.queue_url, jitter_seconds=0)
        with runtime(built.light, "dispatch", dispatch.to_env()) as function:
            tick = function.invoke({"scheduled_time": "2026-03-10T12:00:00Z"})
            assert tick.error is None
            assert tick.result == {"slot": "2026-03-10T12:00:00+00:00", "scans": 1, "handed_on_after": None}
            wrong = function.invoke({"hello": "world"})
            assert wrong.error is not None
            assert wrong.error["errorType"] == "InputError"
        (body,) = account.messages(account.queue_url)

        scan = msgspec.structs.replace(SCAN, ledger_table=account.table, scan_queue_url=account.queue_url)
        urls = {f"AWS_ENDPOINT_URL_{name.upper()}": url for name, url in fleet.endpoint_urls.items()}
        with runtime(built.scan, "scan", {**scan.to_env(), **urls}) as function:
            assert function.invoke(_delivery(body)).result == {"batchItemFailures": []}
            refused = function.invoke(_delivery('{"cluster_arn": 7}'))
            assert refused.result == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
        state = ledger.results.state(cluster.arn)
        assert state is not None
        assert (state.level, state.interval.highest) == (0, 0)
        assert '"ReadinessLevel":[0.0]' in (tmp_path / "scan.log").read_text()

        (pending,) = ledger.outbox.pending()
        relay = RelaySettings(**common, topic_arn=account.topic_arn, lease_seconds=60, dashboard_url="")
        record = {
            "eventName": "INSERT",
            "eventID": "1",
            "dynamodb": {"Keys": outbox_key(pending.key), "SequenceNumber": "1"},
        }
        with runtime(built.light, "relay", relay.to_env()) as function:
            assert function.invoke({"Records": [record]}).result == {"batchItemFailures": []}
            assert function.invoke({"Records": [record]}).result == {"batchItemFailures": []}
        told = [json.loads(each) for each in account.messages(account.listener_url)]
        assert [(each["event"], each["cluster"]["name"]) for each in told] == [("BASELINE", "bare")]
        assert list(ledger.outbox.pending()) == []

        sweep = SweepSettings(
            **common,
            topic_arn=account.topic_arn,
            lease_seconds=60,
            dashboard_url="",
            pending_after_seconds=60,
            digest_after_seconds=600,
            scan_interval_seconds=3600,
            policy={},
        )
        with runtime(built.light, "sweep", sweep.to_env()) as function:
            assert function.invoke({}).result == {"told": 0, "outbox_age_seconds": 0.0}

        widget = WidgetSettings(**common, scan_interval_seconds=3600, policy={})
        with runtime(built.light, "widget", widget.to_env()) as function:
            page = function.invoke({"widgetContext": {}}).result
            assert "bare" in page
            assert "&#34;" not in page.split("<cwdb-action")[0]


def _delivery(body: str) -> dict[str, object]:
    arn = "arn:aws:sqs:eu-west-1:111122223333:scans"
    record = {"messageId": "m-1", "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {}}
    return {"Records": [{**record, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": "x"}]}
