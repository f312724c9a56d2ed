"""The product's story on a local AWS: deploy, register, a regression that is told, a repair that is told, tear down.

Every step is real: the CDK command line deploys the bundles, the schedule fires by itself, the functions read clusters
over their own wires, and the command line is the one that users have. What is not observed in time is a failure.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from eks_readiness import names
from eks_readiness.checklist.items import BY_ID
from eks_readiness.checklist.shipped import ATTESTED_ITEMS, CHECKLIST
from tests.doubles.fleet import Fleet
from tests.doubles.local_aws import ACCOUNT, REGION, LocalAws

DEPLOYMENT = "eks-readiness"
CLI = str(Path(sys.executable).with_name("eks-readiness"))
Say = Callable[[str], None]
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1a2b3c4d-1111-2222-3333-444455556666"
VOLUME = "vol-0c0000000000000b1"
BREAK = {
    "aws": [
        {
            "service": "ec2",
            "operation": "DescribeVolumes",
            # Those of the cluster's claims; nodes have volumes of their own.
            "when": {"Filters": [{"Name": "volume-id", "Values": ["vol-0c0000000000000a1", VOLUME]}]},
            "answer": {
                "Volumes": [
                    {"VolumeId": "vol-0c0000000000000a1", "Encrypted": True, "KmsKeyId": KEY, "State": "in-use"},
                    {"VolumeId": VOLUME, "Encrypted": False, "State": "in-use"},
                ]
            },
        }
    ],
    "kubernetes": [
        # Tonight's backup and last night's are gone: the newest one is four days old.
        {"remove": {"kind": "Backup", "name": "daily-20260310020000"}},
        {
            "patch": {
                "kind": "Backup",
                "namespace": "velero",
                "name": "daily-20260309020000",
                "merge": {"status": {"startTimestamp": "${now-98h}", "completionTimestamp": "${now-97h}"}},
            }
        },
    ],
}


class StoryError(Exception):
    """Something was not observed."""


class Told(NamedTuple):
    """One message of the topic: what machines get, and the attributes for filters."""

    body: dict[str, Any]
    attributes: dict[str, Any]

    @property
    def cluster(self) -> str:
        """Which cluster it is about."""
        return str(self.body["cluster"]["name"])


class Story:
    """One deployment, one fleet, and a subscriber that listens to the topic."""

    def __init__(self, aws: LocalAws, fleet: Fleet, say: Say) -> None:
        self.aws = aws
        self.fleet = fleet
        self.say = say
        self.told: list[Told] = []
        self._sqs = aws.client("sqs")
        self._queue_url = ""

    def config(self) -> Path:
        """The configuration of this deployment: the defaults, a schedule of a minute, and the fleet's endpoints."""
        path = self.aws.directory / "eks-readiness.yaml"
        lines = [
            f"name: {DEPLOYMENT}",
            "schedule: rate(1 minute)",
            "jitter_seconds: 0",
            f'python: "{sys.version_info.major}.{sys.version_info.minor}"',
            f"architecture: {_architecture()}",
            "retain: false",
            "scan_timeout_seconds: 45",
            "kubernetes_endpoint_suffixes: [127.0.0.1]",
            "aws_endpoint_urls:",
            *(f"  {service}: {url}" for service, url in self.fleet.endpoint_urls.items()),
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def deploy(self) -> None:
        """Bootstrap and deploy with the real CDK command line."""
        environment = {"EKS_READINESS_CONFIG": str(self.config()), "VIRTUAL_ENV": str(Path(sys.executable).parents[1])}
        environment["PATH"] = f"{Path(sys.executable).parent}:{self.aws.environment['PATH']}"
        self._environment = environment
        with self._step("cdk bootstrap"):
            # Away from cdk.json: bootstrapping an account needs no application, and so no synthesis.
            self.aws.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", environment=environment, at=self.aws.directory)
        with self._step("cdk deploy, with bundles built and cdk-nag passed"):
            assembly = str(self.aws.directory / "cdk.out")
            self.aws.cdk(
                "deploy", "--all", "--require-approval", "never", "--output", assembly, environment=environment
            )

    def destroy(self) -> None:
        """Tear everything down, and make sure that it is gone."""
        with self._step("cdk destroy"):
            assembly = str(self.aws.directory / "cdk.out")
            self.aws.cdk("destroy", "--all", "--force", "--app", assembly, environment=self._environment)
        stacks = self.aws.client("cloudformation").list_stacks()["StackSummaries"]
        left = [each["StackName"] for each in stacks if each["StackName"] == DEPLOYMENT and _is_there(each)]
        tables = self.aws.client("dynamodb").list_tables()["TableNames"]
        buckets = [each["Name"] for each in self.aws.client("s3").list_buckets()["Buckets"]]
        ours = [name for name in buckets if name.startswith(DEPLOYMENT)]
        if left or ours or names.ledger_table(DEPLOYMENT) in tables:
            raise StoryError(f"left behind: {left}, {tables}, {ours}")

    def subscribe(self) -> None:
        """Listen to the topic, as a chat bot or a pager would."""
        self._queue_url = self._sqs.create_queue(QueueName="listener")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        self.aws.client("sns").subscribe(
            TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:{names.topic(DEPLOYMENT)}",
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "true"},
        )

    def cli(self, *arguments: str) -> str:
        """Run the product's own command line against the deployment."""
        return self.aws.run(CLI, *arguments)

    def results(self, *arguments: str) -> Any:
        """What `results` prints as JSON."""
        return json.loads(self.cli("results", *arguments, "--output", "json"))

    def attest(self) -> None:
        """State what no probe sees: all that levels 1 and 2 ask for."""
        items = sorted(item for item in ATTESTED_ITEMS if BY_ID[item].seed_level < 3)
        checks = [check.id for check in CHECKLIST if check.rule is None and BY_ID[check.item].seed_level < 3]
        self.cli("attest", *items, *checks, "--owner", "platform team", "--expires", "180d")
        self.say(f"  {len(items) + len(checks)} statements of the platform team recorded")

    def register(self, name: str) -> None:
        """Register a cluster; its first scan is requested at once."""
        self.cli("clusters", "register", self.fleet.cluster(name).arn)

    def remove(self, name: str) -> None:
        """Take a cluster off the register."""
        self.cli("clusters", "remove", self.fleet.cluster(name).arn)

    def registered(self) -> list[str]:
        """The ARNs that `clusters list` prints."""
        return self.cli("clusters", "list").split()

    def hear(self, cluster: str, kind: str, *, seconds: float) -> Told:
        """Wait until the topic told about a cluster.

        Raises:
            StoryError: it did not in time.
        """
        until = time.monotonic() + seconds
        while True:
            for each in self.told:
                if each.cluster == cluster and each.body["event"] == kind:
                    return each
            if time.monotonic() > until:
                heard = [(each.cluster, each.body["event"]) for each in self.told]
                raise StoryError(f"no {kind} of {cluster} after {seconds:g} s; heard {heard}\n{self.logs()}")
            self._listen()

    def _listen(self) -> None:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"]
        )
        for message in answer.get("Messages", ()):
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
            self.told.append(Told(json.loads(message["Body"]), message.get("MessageAttributes", {})))

    def wait(self, what: str, happened: Callable[[], bool], *, seconds: float) -> None:
        """Wait until something is so.

        Raises:
            StoryError: it is not in time.
        """
        until = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > until:
                raise StoryError(f"{what} did not happen within {seconds:g} s\n{self.logs()}")
            time.sleep(0.5)

    def widget(self, event: Mapping[str, object]) -> str:
        """Ask the dashboard's widget, as CloudWatch does."""
        functions = self.aws.client("lambda").list_functions()["Functions"]
        widget = next(each for each in functions if each["Handler"] == "functions.widget.handler.handler")
        answer = self.aws.client("lambda").invoke(
            FunctionName=widget["FunctionName"], Payload=json.dumps(event).encode()
        )
        page = json.loads(answer["Payload"].read())
        if not isinstance(page, str):
            raise StoryError(f"the widget answered {page}")
        return page

    def dead_letters(self) -> int:
        """How many scan requests could not be answered."""
        url = self._sqs.get_queue_url(QueueName=names.dead_letter_queue(DEPLOYMENT, "scans"))["QueueUrl"]
        said = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])[
            "Attributes"
        ]
        return int(said["ApproximateNumberOfMessages"])

    def send_raw(self, body: str) -> None:
        """Put something into the scanners' queue that nobody of ours wrote."""
        url = self._sqs.get_queue_url(QueueName=names.scan_queue(DEPLOYMENT))["QueueUrl"]
        self._sqs.send_message(QueueUrl=url, MessageBody=body)

    def logs(self) -> str:
        """The end of what the functions and the local AWS said, for whoever looks for the fault."""
        logs = self.aws.client("logs")
        lines: list[str] = []
        for group in logs.describe_log_groups()["logGroups"]:
            events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
            lines += [f"{group['logGroupName'][-50:]}: {each['message'].rstrip()[:1500]}" for each in events[-6:]]
        return "\n".join([*lines, self.aws.log.read_text(errors="replace")[-2000:], *self.fleet.aws.mistakes[-5:]])

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.say(f"  {what}: {time.monotonic() - began:.0f} s")


def _is_there(stack: Mapping[str, Any]) -> bool:
    return str(stack["StackStatus"]) != "DELETE_COMPLETE"


def _architecture() -> str:
    import platform  # noqa: PLC0415 - a local deployment runs on this machine's processor

    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def tell(say: Say, *, pages: Path | None = None) -> None:
    """Run the whole story; `pages` is where the widget's pages are written as HTML.

    Raises:
        StoryError, LocalAwsError: something was not observed.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    with Fleet(now=now) as fleet, LocalAws() as aws:
        story = Story(aws, fleet, say)
        say("Deploying to a local AWS")
        story.deploy()
        story.subscribe()
        _register(story)
        _regress(story)
        _look(story, pages)
        _improve(story)
        _reject(story)
        say("Tearing down")
        story.destroy()
        if fleet.aws.mistakes:
            raise StoryError(f"calls that no scenario answers: {sorted(set(fleet.aws.mistakes))[:5]}")
    say("Everything was observed.")


def _register(story: Story) -> None:
    story.say("Registering the fleet; each first scan is a baseline")
    story.attest()
    expected = {"prod": 2, "auto": 2, "bare": 0, "locked": 0}
    for name in expected:
        story.register(name)
    for name, level in expected.items():
        told = story.hear(name, "BASELINE", seconds=60)
        interval = told.body["interval"]
        seen = f"level {told.body['to_level']}"
        unsure = (
            "" if interval["lowest"] == interval["highest"] else f", up to {interval['highest']} as far as it was seen"
        )
        story.say(f"  {name}: {seen}{unsure}")
        if told.body["to_level"] != level:
            raise StoryError(f"{name} starts at {told.body['to_level']}, not at {level}: {told.body['missing_for']}")


def _regress(story: Story) -> None:
    story.say(f"Breaking prod: volume {VOLUME} is not encrypted any more, and the newest backup is four days old")
    broken_at = datetime.now(UTC)
    story.fleet.change("prod", BREAK)
    story.say("  waiting for the schedule to fire by itself (every minute)")
    told = story.hear("prod", "REGRESSED", seconds=150)
    waited = (datetime.now(UTC) - broken_at).total_seconds()
    story.say(f"  the alert arrived {waited:.0f} s later:")
    for line in _prose(told).splitlines():
        story.say(f"    {line}")
    changed = {each["item"]: each for each in told.body["changes"]}
    if (told.body["from_level"], told.body["to_level"]) != (2, 0) or set(changed) != {"storage", "backup-restore"}:
        raise StoryError(f"told {told.body}")
    if VOLUME not in changed["storage"]["offenders"][0] or told.attributes["direction"]["StringValue"] != "down":
        raise StoryError(f"told {told}")


def _prose(told: Told) -> str:
    lines = [f"{told.cluster}: level {told.body['from_level']} -> {told.body['to_level']}"]
    for each in told.body["changes"]:
        lines.append(f"- {each['title']} is {each['after']}: {each['reason']}")
        lines += [f"    {offender}" for offender in each.get("offenders", [])]
    return "\n".join(lines)


def _look(story: Story, pages: Path | None) -> None:
    story.say("Asking for results")
    prod = story.fleet.cluster("prod")
    found = story.results(prod.arn)
    if found["published"]["level"] != 0 or found["newest_scan"]["missing_for"]["1"] != ["storage", "backup-restore"]:
        raise StoryError(f"results: {found['published']}")
    history = json.loads(story.cli("history", prod.arn, "--output", "json"))
    if "schedule" not in {each["trigger"] for each in history}:
        raise StoryError(f"no scan of the schedule: {history}")
    for line in story.cli("results").splitlines():
        story.say(f"  {line}")
    fleet_page, cluster_page = story.widget({"widgetContext": {}}), story.widget({"cluster": prod.arn})
    if "bare" not in fleet_page or VOLUME not in cluster_page:
        raise StoryError("the widget's pages lack a cluster or the volume")
    if pages is not None:
        pages.mkdir(parents=True, exist_ok=True)
        (pages / "fleet.html").write_text(_document(fleet_page), encoding="utf-8")
        (pages / "prod.html").write_text(_document(cluster_page), encoding="utf-8")
        story.say(f"  the dashboard widget's pages: {pages}/fleet.html, prod.html")


def _document(page: str) -> str:
    # The console hides what a click sends; so does this page.
    style = "body { font: 14px Arial, sans-serif; margin: 16px } cwdb-action { display: none }"
    head = f'<meta charset="utf-8"><title>Widget</title><style>{style}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{page}</body></html>'


def _improve(story: Story) -> None:
    story.say("Repairing prod; a higher level is told when two scans in a row prove it")
    story.fleet.repair("prod")
    arn = story.fleet.cluster("prod").arn

    def scanned_after(version: datetime) -> Callable[[], bool]:
        return lambda: bool(datetime.fromisoformat(story.results(arn)["published"]["observed_at"]) > version)

    for _ in range(2):
        asked_at = datetime.now(UTC)
        story.cli("rescan", arn)
        story.wait("the requested scan", scanned_after(asked_at), seconds=30)
    told = story.hear("prod", "IMPROVED", seconds=90)
    story.say(f"  prod: level {told.body['from_level']} -> {told.body['to_level']}")
    if (told.body["from_level"], told.body["to_level"]) != (0, 2):
        raise StoryError(f"told {told.body}")


def _reject(story: Story) -> None:
    story.say("Waiving a check, taking a cluster off the register, sending a message that is no scan request")
    waiver = ("--owner", "security", "--reason", "AWS's key will do", "--expires", "30d")
    story.cli("waive", "storage.customer-managed-key", "--cluster", story.fleet.cluster("auto").arn, *waiver)
    bare = story.fleet.cluster("bare").arn
    story.remove("bare")
    if bare in story.registered() or len(story.registered()) != len(story.fleet.aws.scenarios) - 1:
        raise StoryError(f"registered: {story.registered()}")
    story.send_raw('{"cluster": "prod"}')
    story.wait("its way to the dead-letter queue", lambda: story.dead_letters() == 1, seconds=60)
    story.say("  it lies in the dead-letter queue")
