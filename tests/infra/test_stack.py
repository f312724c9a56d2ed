"""What would be deployed: one synthesis for all of it, with nothing installed into the bundles."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks

from eks_readiness import names
from eks_readiness.settings import (
    DispatchSettings,
    RelaySettings,
    ScanSettings,
    Settings,
    SweepSettings,
    WidgetSettings,
)
from infra import app as application
from infra.alarms import RUNBOOK
from infra.alerting import SWEEP_MINUTES
from infra.config import Config
from infra.evidence_bucket import OUTLASTS_ROWS_DAYS
from infra.lambda_code import BundleError, BundleName
from infra.scan_permissions import READ_ACTIONS, RIGHTS
from infra.scanning import RESERVE_SECONDS
from infra.stack import ReadinessStack

ROOT = Path(__file__).parents[2]
CONFIG = Config(
    name="fleet-one",
    schedule="rate(2 hours)",
    notify=("ops@example.com", "sre@example.com"),
    thresholds={"stale_after_intervals": 3, "accepted_os": ["bottlerocket", "al2023"]},
    scan_timeout_seconds=200,
    scan_memory_mb=1536,
    scan_concurrency=7,
    python="3.12",
    architecture="x86_64",
    kubernetes_endpoint_suffixes=(".proxy.example.com",),
    evidence_buckets=("acme-documents",),
    aws_endpoint_urls={"eks": "https://eks.example.com", "elastic_load_balancing_v2": "https://elb.example.com"},
)
MAX_INLINE_CHARACTERS, MAX_MANAGED_CHARACTERS, MAX_MANAGED_POLICIES = 10_240, 6_144, 10
SETTINGS: dict[str, type[Settings]] = {
    "dispatch": DispatchSettings,
    "scan": ScanSettings,
    "relay": RelaySettings,
    "sweep": SweepSettings,
    "widget": WidgetSettings,
}


class Synthesised:
    """A template, and how to find things in it."""

    def __init__(self, directory: Path, config: Config) -> None:
        self.file = directory / f"{config.name}.template.json"
        self.report: dict[str, Any] = {}
        if (report := directory / "validation-report.json").exists():
            self.report = json.loads(report.read_text())
        self.text = self.file.read_text()
        self.template: dict[str, Any] = json.loads(self.text)
        self.resources: dict[str, dict[str, Any]] = self.template["Resources"]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Logical id → properties of every resource of a type."""
        return {name: each["Properties"] for name, each in self.resources.items() if each["Type"] == kind}

    def one(self, kind: str, **having: Any) -> dict[str, Any]:
        """The properties of the one resource of a type that has these properties."""
        (found,) = (each for each in self.of(kind).values() if having.items() <= {**each}.items())
        return found

    def function(self, verb: str) -> dict[str, Any]:
        """The properties of a function."""
        return self.one("AWS::Lambda::Function", Handler=f"functions.{verb}.handler.handler")

    def id_of(self, properties: dict[str, Any]) -> str:
        """The logical id of the resource with these very properties."""
        (found,) = (name for name, each in self.resources.items() if each["Properties"] is properties)
        return found

    def policies(self, *, of: str = "") -> list[dict[str, Any]]:
        """The statements of the policies of roles (or of one): what is too long for one goes on in another."""
        policies = [*self.of("AWS::IAM::Policy").values(), *self.of("AWS::IAM::ManagedPolicy").values()]
        return [
            statement
            for each in policies
            if not of or {"Ref": of} in each["Roles"]
            for statement in each["PolicyDocument"]["Statement"]
        ]

    def rights(self, verb: str) -> list[dict[str, Any]]:
        """The statements of a function's policies."""
        return self.policies(of=self.function(verb)["Role"]["Fn::GetAtt"][0])

    def policy_documents(self) -> list[dict[str, Any]]:
        """The properties of every policy of a role: the inline one, and what the CDK moves out of one too large."""
        return [*self.of("AWS::IAM::Policy").values(), *self.of("AWS::IAM::ManagedPolicy").values()]

    def actions(self, verb: str, service: str) -> set[str]:
        """What a function may do with a service."""
        found = {action for statement in self.rights(verb) for action in as_list(statement["Action"])}
        return {action for action in found if action.startswith(f"{service}:")}


def as_list(value: Any) -> list[Any]:
    """What IAM lets one write as a single value."""
    return value if isinstance(value, list) else [value]


def flat(value: Any) -> str:
    """Text with references in it: each reference becomes its name in brackets."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(map(flat, parts))
    if "Fn::FindInMap" in value:
        return ".".join(map(flat, value["Fn::FindInMap"]))
    (reference,) = value.values()
    return f"<{reference if isinstance(reference, str) else '.'.join(reference)}>"


def synthesise(directory: Path, config: Config, *, validated: bool) -> Synthesised:
    """Synthesise a deployment; `validated` as `cdk synth` does it, with the rules."""

    def bundle(name: BundleName) -> Path:
        code = directory / name
        code.mkdir()
        (code / "handler.py").write_text(f"# {name}\n")
        return code

    app = App(outdir=str(directory / "out"))
    if validated:
        application.compose(app, config, bundle)
    else:
        ReadinessStack(app, config=config, bundle=bundle)
    app.synth()
    return Synthesised(directory / "out", config)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The deployment of `CONFIG`, held to the rules."""
    return synthesise(tmp_path_factory.mktemp("validated"), CONFIG, validated=True)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """A second deployment in the same account, with the defaults, that keeps nothing."""
    return synthesise(tmp_path_factory.mktemp("other"), Config(name="fleet-two", retain=False), validated=False)


# --- The whole -------------------------------------------------------------------------------------------------------


def test_every_finding_of_cdk_nag_is_acknowledged(stack: Synthesised) -> None:
    """AwsSolutions ran (a finding that nobody argued fails the synthesis) and has nothing left to say."""
    assert stack.report["pluginReports"] == []


def test_an_unacknowledged_finding_fails_the_synthesis(tmp_path: Path) -> None:
    """The rules can fail: a queue without TLS is refused."""
    app = App(outdir=str(tmp_path))
    sqs.Queue(Stack(app, "planted"), "Queue")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="AwsSolutions-SQS4"):
        app.synth()


def test_cfn_lint_finds_nothing(stack: Synthesised) -> None:
    """CloudFormation's own linter; W3005 is about dependencies that the CDK writes out."""
    command = [
        sys.executable,
        "-c",
        "import sys; from cfnlint.runner import main; sys.exit(main())",
        "--ignore-checks",
        "W3005",
        "--",
        str(stack.file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_template_has_no_composite_alarm(stack: Synthesised) -> None:
    """The local AWS refuses that type."""
    assert "AWS::CloudWatch::CompositeAlarm" not in {each["Type"] for each in stack.resources.values()}


def test_two_deployments_share_no_physical_name(stack: Synthesised, other: Synthesised) -> None:
    """They can stand in one account and region."""

    def given(of: Synthesised) -> set[str]:
        keys = ("TableName", "QueueName", "TopicName", "AlarmName", "DashboardName", "FunctionName", "RoleName", "Name")
        found = (each["Properties"].get(key) for each in of.resources.values() for key in keys)
        return {name for name in found if isinstance(name, str)}

    assert len(given(stack)) > len(("table", "queue", "dead letters", "topic", "dashboard"))
    assert given(stack).isdisjoint(given(other))


def test_names_are_those_that_the_command_line_looks_for(stack: Synthesised) -> None:
    """One module spells them for both sides, and the outputs say them."""
    table = stack.one("AWS::DynamoDB::Table", TableName=names.ledger_table("fleet-one"))
    queue = stack.one("AWS::SQS::Queue", QueueName=names.scan_queue("fleet-one"))
    lost = {
        what: stack.one("AWS::SQS::Queue", QueueName=names.dead_letter_queue("fleet-one", what))
        for what in names.DEAD_LETTERS
    }
    topic = stack.one("AWS::SNS::Topic", TopicName=names.topic("fleet-one"))
    operations = stack.one("AWS::SNS::Topic", TopicName=names.operations_topic("fleet-one"))
    stack.one("AWS::CloudWatch::Dashboard", DashboardName=names.dashboard("fleet-one"))
    outputs = {name: each["Value"] for name, each in stack.template["Outputs"].items()}
    url = outputs.pop(names.OUTPUT_DASHBOARD_URL)
    assert outputs == {
        names.OUTPUT_LEDGER_TABLE: {"Ref": stack.id_of(table)},
        names.OUTPUT_EVIDENCE_BUCKET: {"Ref": stack.id_of(stack.one("AWS::S3::Bucket"))},
        names.OUTPUT_SCAN_QUEUE_URL: {"Ref": stack.id_of(queue)},
        names.OUTPUT_LEVEL_TOPIC_ARN: {"Ref": stack.id_of(topic)},
        names.OUTPUT_OPERATIONS_TOPIC_ARN: {"Ref": stack.id_of(operations)},
        **{names.OUTPUT_DEAD_LETTER_QUEUE_URLS[what]: {"Ref": stack.id_of(each)} for what, each in lost.items()},
    }
    assert flat(url).endswith("#dashboards/dashboard/fleet-one")


# --- Rights ----------------------------------------------------------------------------------------------------------


def test_no_policy_allows_a_wildcard_action(stack: Synthesised) -> None:
    """The one exception is what makes IAM policies count for a key at all: the account's own line in its policy."""
    documents = [
        (each["Type"], document)
        for each in stack.resources.values()
        for key in ("PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy")
        if (document := each["Properties"].get(key))
    ]
    wild = [
        (kind, action)
        for kind, document in documents
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        if "*" in action
    ]
    assert wild == [("AWS::KMS::Key", "kms:*")]
    assert len(documents) > len(SETTINGS)


def test_everything_is_allowed_only_where_it_cannot_be_narrower(stack: Synthesised) -> None:
    """All resources: only for actions for which AWS knows no narrower one."""
    wide = {
        action
        for statement in stack.policies()
        if "*" in as_list(statement["Resource"])
        for action in as_list(statement["Action"])
    }
    resourceless = {action for right in RIGHTS if right.resources == ("*",) for action in right.actions}
    assert wide == resourceless | {"dynamodb:ListStreams"}


def test_roles_have_no_managed_policy_and_name_who_may_take_them(stack: Synthesised) -> None:
    """Lambda for the functions; Scheduler for the ticks, and only for schedules of this account."""
    for role in stack.of("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        service = statement["Principal"]["Service"]
        assert service in {"lambda.amazonaws.com", "scheduler.amazonaws.com"}
        if service == "scheduler.amazonaws.com":
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}


def written_out(value: Any) -> Any:
    """A policy as IAM counts it: no reference is shorter there than what stands for it here."""
    if isinstance(value, list):
        return [written_out(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return separator.join(map(written_out, parts))
    if "Ref" in value or "Fn::GetAtt" in value:
        reference = value.get("Ref")
        known = {"AWS::Partition": "aws-us-gov", "AWS::AccountId": "1" * 12, "AWS::Region": "ap-southeast-15"}
        # An ARN of one of the stack's own: its region and account, and a name that CloudFormation makes.
        return known.get(reference, "x" * 160) if isinstance(reference, str) else "x" * 160
    if "Fn::FindInMap" in value:
        return "x" * 40
    return {key: written_out(each) for key, each in value.items()}


def test_policies_keep_within_the_sizes_that_iam_takes(stack: Synthesised) -> None:
    """White space not counted: 10,240 characters of inline policies a role, 6,144 a managed one, ten of those a role.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    sizes: dict[str, dict[str, list[int]]] = {}
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for each in stack.of(kind).values():
            document = json.dumps(written_out(each["PolicyDocument"]), separators=(",", ":"))
            for role in each["Roles"]:
                sizes.setdefault(role["Ref"], {}).setdefault(kind, []).append(len(document))
    scan = stack.function("scan")["Role"]["Fn::GetAtt"][0]
    assert set(sizes) == set(stack.of("AWS::IAM::Role"))
    assert sum(map(sum, sizes[scan].values())) > len("".join(READ_ACTIONS))
    for of_role in sizes.values():
        assert sum(of_role["AWS::IAM::Policy"]) <= MAX_INLINE_CHARACTERS
        assert all(size <= MAX_MANAGED_CHARACTERS for size in of_role.get("AWS::IAM::ManagedPolicy", ()))
        assert len(of_role.get("AWS::IAM::ManagedPolicy", ())) <= MAX_MANAGED_POLICIES


def test_the_scanner_starts_only_when_all_of_its_rights_are_there(stack: Synthesised) -> None:
    """Those that did not fit into the inline policy, too: a first scan without them would be full of unknowns."""
    function = stack.function("scan")
    depends_on = stack.resources[stack.id_of(function)]["DependsOn"]
    role = {"Ref": function["Role"]["Fn::GetAtt"][0]}
    assert {stack.id_of(each) for each in stack.policy_documents() if role in each["Roles"]} <= set(depends_on)
    assert {action for each in stack.rights("scan") for action in as_list(each["Action"])} >= set(READ_ACTIONS)


@pytest.mark.parametrize(
    ("verb", "actions"),
    [
        ("dispatch", {"Query"}),
        ("scan", {"ConditionCheckItem", "GetItem", "PutItem", "Query"}),
        (
            "relay",
            {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams", "UpdateItem"},
        ),
        ("sweep", {"BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "Query", "UpdateItem"}),
        ("widget", {"BatchGetItem", "GetItem", "Query"}),
    ],
)
def test_each_function_may_do_with_the_ledger_what_its_stores_do(
    verb: str, actions: set[str], stack: Synthesised
) -> None:
    """Nobody scans the table or deletes from it; scanner and sweep write rows, only relay and sweep change them."""
    assert stack.actions(verb, "dynamodb") == {f"dynamodb:{action}" for action in actions}


def test_only_those_who_need_it_send_receive_and_publish(stack: Synthesised) -> None:
    """Who may reach which channel."""
    senders = {verb for verb in SETTINGS if "sqs:SendMessage" in stack.actions(verb, "sqs")}
    receivers = {verb for verb in SETTINGS if "sqs:ReceiveMessage" in stack.actions(verb, "sqs")}
    publishers = {verb for verb in SETTINGS if "sns:Publish" in stack.actions(verb, "sns")}
    assert (senders, receivers, publishers) == ({"dispatch", "relay", "sweep"}, {"scan"}, {"relay", "sweep"})


def test_the_key_is_used_only_through_the_services_that_store(stack: Synthesised) -> None:
    """No function and no schedule can decrypt by hand; that the scanner describes keys of others is not using them."""
    seen = {action for right in RIGHTS for action in right.actions}
    uses = [
        statement
        for statement in stack.policies()
        if any(action.startswith("kms:") and action not in seen for action in as_list(statement["Action"]))
    ]
    assert not {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"} & seen
    assert len(uses) > len(SETTINGS)
    for statement in uses:
        hosts = [flat(host) for host in statement["Condition"]["StringEquals"]["kms:ViaService"]]
        (service,) = {host.partition(".")[0] for host in hosts}
        assert service in {"dynamodb", "s3", "sns", "sqs"}
        # In China the suffix differs, and not for every service.
        assert {host.partition(".")[2] for host in hosts} == {
            "<AWS::Region>.amazonaws.com",
            "<AWS::Region>.<AWS::URLSuffix>",
        }


# --- Functions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", SETTINGS)
def test_each_function_reads_back_its_settings(verb: str, stack: Synthesised) -> None:
    """The environment is what the function's settings are read from, and its handler is where the code is."""
    function = stack.function(verb)
    environment = {name: flat(value) for name, value in function["Environment"]["Variables"].items()}
    settings = SETTINGS[verb].from_env(environment)
    assert settings.deployment == "fleet-one"
    assert environment["POWERTOOLS_SERVICE_NAME"] == verb
    assert environment["POWERTOOLS_METRICS_NAMESPACE"] == names.METRIC_NAMESPACE
    assert environment["POWERTOOLS_LOG_LEVEL"] == "INFO"
    assert environment["MALLOC_ARENA_MAX"] == "1"
    assert (ROOT / "functions" / verb).is_dir()
    assert (function["Runtime"], function["Architectures"]) == ("python3.12", ["x86_64"])


@pytest.mark.parametrize("verb", SETTINGS)
def test_each_function_logs_json_to_a_group_that_forgets(verb: str, stack: Synthesised) -> None:
    """The group is ours, with a retention, not one that Lambda makes and nobody removes."""
    logging = stack.function(verb)["LoggingConfig"]
    assert logging["LogFormat"] == "JSON"
    assert stack.resources[logging["LogGroup"]["Ref"]]["Properties"]["RetentionInDays"] == CONFIG.log_retention_days


def test_only_the_scanner_has_the_heavy_bundle_and_addresses_of_ones_own(stack: Synthesised) -> None:
    """A proxy for what scans read must not stand between the relay and its topic."""
    addresses = {
        verb: {name: url for name, url in variables.items() if name.startswith("AWS_ENDPOINT_URL")}
        for verb in SETTINGS
        for variables in [stack.function(verb)["Environment"]["Variables"]]
    }
    assert addresses.pop("scan") == {
        "AWS_ENDPOINT_URL_EKS": "https://eks.example.com",
        "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": "https://elb.example.com",
    }
    assert not any(addresses.values())
    code = {verb: stack.function(verb)["Code"]["S3Key"] for verb in SETTINGS}
    assert len({code[verb] for verb in SETTINGS if verb != "scan"}) == 1
    assert code["scan"] != code["relay"]


def test_the_scanners_settings_are_the_configurations(stack: Synthesised) -> None:
    """Thresholds and suffixes arrive as they were written."""
    function = stack.function("scan")
    settings = ScanSettings.from_env(
        {name: flat(value) for name, value in function["Environment"]["Variables"].items()}
    )
    assert settings.policy == CONFIG.thresholds
    assert settings.kubernetes_endpoint_suffixes == (".proxy.example.com",)
    assert settings.scan_retention_days == CONFIG.scan_retention_days
    assert 0 < settings.reserve_seconds < 30 <= function["Timeout"] == CONFIG.scan_timeout_seconds
    assert function["MemorySize"] == CONFIG.scan_memory_mb


@pytest.mark.parametrize("verb", ["relay", "sweep"])
def test_a_lease_outlives_the_function_that_takes_it(verb: str, stack: Synthesised) -> None:
    """Else a second relay could publish while the first still may."""
    function = stack.function(verb)
    variables = {name: flat(value) for name, value in function["Environment"]["Variables"].items()}
    settings = RelaySettings.from_env(variables)
    assert settings.lease_seconds > stack.function("sweep")["Timeout"] > 0
    assert settings.lease_seconds > stack.function("relay")["Timeout"] > 0
    assert settings.dashboard_url.endswith("/dashboard/fleet-one")


def test_people_are_sent_to_the_console_of_their_partition(stack: Synthesised) -> None:
    """One template is deployed in every partition; where decides the host."""
    variables = {name: flat(value) for name, value in stack.function("relay")["Environment"]["Variables"].items()}
    url = RelaySettings.from_env(variables).dashboard_url
    assert url.startswith("https://<AWS::Region>.Consoles.<AWS::Partition>.host/cloudwatch/home?region=<AWS::Region>#")
    (hosts,) = stack.template["Mappings"].values()
    assert {partition: hosts[partition]["host"] for partition in ("aws", "aws-cn", "aws-us-gov")} == {
        "aws": "console.aws.amazon.com",
        "aws-cn": "console.amazonaws.cn",
        "aws-us-gov": "console.amazonaws-us-gov.com",
    }


def test_no_arn_names_a_partition(stack: Synthesised) -> None:
    """The template is the same in the commercial partition, in GovCloud and in China."""
    assert "arn:aws:" not in json.dumps(stack.template)


# --- The way of a scan -----------------------------------------------------------------------------------------------


def test_a_tick_carries_the_time_for_which_it_was_scheduled(stack: Synthesised) -> None:
    """The slot of every scan; and a tick that cannot be delivered is not lost."""
    schedule = stack.one("AWS::Scheduler::Schedule", ScheduleExpression="rate(2 hours)")
    target = schedule["Target"]
    assert target["Arn"] == {"Fn::GetAtt": [stack.id_of(stack.function("dispatch")), "Arn"]}
    assert json.loads(target["Input"]) == {names.SCHEDULED_TIME: "<aws.scheduler.scheduled-time>"}
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 2 * 3600
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}


def test_every_schedule_has_a_role_and_dead_letters(stack: Synthesised) -> None:
    """Two ticks, two roles: each may start its own function only."""
    schedules = stack.of("AWS::Scheduler::Schedule").values()
    roles = {each["Target"]["RoleArn"]["Fn::GetAtt"][0] for each in schedules}
    assert len(roles) == len(schedules) == 2
    for each in schedules:
        (role,) = each["Target"]["RoleArn"]["Fn::GetAtt"][:1]
        allowed = {as_list(statement["Action"])[0]: statement["Resource"] for statement in stack.policies(of=role)}
        assert allowed["lambda:InvokeFunction"] == each["Target"]["Arn"]
        assert allowed["sqs:SendMessage"] == each["Target"]["DeadLetterConfig"]["Arn"]


@pytest.mark.parametrize(
    ("verb", "schedule", "retries"), [("dispatch", "rate(2 hours)", 2), ("sweep", "rate(5 minutes)", 0)]
)
def test_what_a_schedule_started_in_vain_is_kept(verb: str, schedule: str, retries: int, stack: Synthesised) -> None:
    """The schedule hands over without waiting: the function's own errors go where its undelivered ticks go."""
    target = stack.one("AWS::Scheduler::Schedule", ScheduleExpression=schedule)["Target"]
    invoke = stack.one("AWS::Lambda::EventInvokeConfig", FunctionName={"Ref": stack.id_of(stack.function(verb))})
    assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == target["DeadLetterConfig"]["Arn"]
    assert invoke["MaximumRetryAttempts"] == retries


def test_the_dispatcher_alone_may_start_itself(stack: Synthesised) -> None:
    """To hand on the rest of a large register; what it started in vain is kept as the schedule's own ticks are."""
    starts = {
        verb: [each["Resource"] for each in stack.rights(verb) if "lambda:InvokeFunction" in as_list(each["Action"])]
        for verb in SETTINGS
    }
    own = stack.id_of(stack.function("dispatch"))
    assert {verb: found for verb, found in starts.items() if found} == {"dispatch": [{"Fn::GetAtt": [own, "Arn"]}]}


def test_a_paused_deployment_schedules_no_scans(tmp_path: Path, stack: Synthesised) -> None:
    """And is not told that there are none; the sweep goes on, so that shown levels become unknown."""
    paused = synthesise(tmp_path, msgspec.structs.replace(CONFIG, paused=True), validated=False)
    for synthesised, state in ((paused, "DISABLED"), (stack, "ENABLED")):
        tick = synthesised.one("AWS::Scheduler::Schedule", ScheduleExpression="rate(2 hours)")
        sweep = synthesised.one("AWS::Scheduler::Schedule", ScheduleExpression="rate(5 minutes)")
        assert (tick["State"], sweep["State"]) == (state, "ENABLED")
    silent = {each["AlarmName"] for each in paused.of("AWS::CloudWatch::Alarm").values() if not each["ActionsEnabled"]}
    assert silent == {"fleet-one-stale-scans"}


def test_one_scan_per_message_and_dead_letters_after_five(stack: Synthesised) -> None:
    """A message stays hidden for six times the scan's time, as AWS advises."""
    queue = stack.one("AWS::SQS::Queue", QueueName="fleet-one-scans")
    lost = stack.one("AWS::SQS::Queue", QueueName="fleet-one-scans-dlq")
    assert queue["VisibilityTimeout"] >= 6 * stack.function("scan")["Timeout"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [stack.id_of(lost), "Arn"]},
        "maxReceiveCount": 5,
    }
    mapping = stack.one("AWS::Lambda::EventSourceMapping", BatchSize=1)
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [stack.id_of(queue), "Arn"]}
    assert mapping["FunctionName"] == {"Ref": stack.id_of(stack.function("scan"))}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 7}


def test_every_queue_is_encrypted_and_takes_tls_only(stack: Synthesised) -> None:
    """With our key; nobody gets in without TLS, whoever it is."""
    (key,) = stack.of("AWS::KMS::Key")
    queues = stack.of("AWS::SQS::Queue")
    assert {each["KmsMasterKeyId"]["Fn::GetAtt"][0] for each in queues.values()} == {key}
    refusing = {
        reference["Ref"]
        for policy in stack.of("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for reference in policy["Queues"]
    }
    assert refusing == set(queues)


# --- The way of an alert ---------------------------------------------------------------------------------------------


def test_new_rows_of_the_outbox_start_the_relay(stack: Synthesised) -> None:
    """Nothing else of the stream does, and a record that cannot be told does not block those behind it for ever."""
    mapping = stack.one("AWS::Lambda::EventSourceMapping", StartingPosition="TRIM_HORIZON")
    assert mapping["FunctionName"] == {"Ref": stack.id_of(stack.function("relay"))}
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {names.SORT_KEY: {"S": [{"prefix": names.OUTBOX_PREFIX}]}}},
    }
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 0 < mapping["MaximumRetryAttempts"] <= 20
    assert 0 < mapping["MaximumRecordAgeInSeconds"] < 24 * 3600
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0] in stack.of("AWS::SQS::Queue")


def test_the_sweep_comes_every_five_minutes(stack: Synthesised) -> None:
    """The relay's second chance."""
    schedule = stack.one("AWS::Scheduler::Schedule", ScheduleExpression="rate(5 minutes)")
    assert SWEEP_MINUTES == 5
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": [stack.id_of(stack.function("sweep")), "Arn"]}


def topic_statements(stack: Synthesised, name: str) -> list[dict[str, Any]]:
    """What a topic's policy says."""
    topic = {"Ref": stack.id_of(stack.one("AWS::SNS::Topic", TopicName=name))}
    (policy,) = (each for each in stack.of("AWS::SNS::TopicPolicy").values() if each["Topics"] == [topic])
    return [*policy["PolicyDocument"]["Statement"]]


def test_alarms_may_publish_to_the_topic_of_operations_alone(stack: Synthesised) -> None:
    """An alarm that may not use the topic's key fails without a word; level changes come by themselves."""
    (key,) = stack.of("AWS::KMS::Key").values()
    alarms = {"Service": "cloudwatch.amazonaws.com"}
    allowed = {
        name: [each for each in topic_statements(stack, name) if each["Effect"] == "Allow"]
        for name in (names.topic("fleet-one"), names.operations_topic("fleet-one"))
    }
    assert allowed[names.topic("fleet-one")] == []
    (publish,) = allowed[names.operations_topic("fleet-one")]
    assert (publish["Principal"], publish["Action"]) == (alarms, "sns:Publish")
    (use,) = (each for each in key["KeyPolicy"]["Statement"] if each["Principal"] == alarms)
    for statement in (publish, use):
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert flat(publish["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(":alarm:fleet-one-*")


def test_every_topic_is_encrypted_and_takes_tls_only(stack: Synthesised) -> None:
    """With our key; nobody gets in without TLS."""
    (key,) = stack.of("AWS::KMS::Key")
    topics = stack.of("AWS::SNS::Topic").values()
    assert len(topics) == 2
    for topic in topics:
        assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
        refused = [each for each in topic_statements(stack, topic["TopicName"]) if each["Effect"] == "Deny"]
        assert [each["Condition"] for each in refused] == [{"Bool": {"aws:SecureTransport": "false"}}]


def test_whoever_is_named_is_subscribed(stack: Synthesised, other: Synthesised) -> None:
    """By e-mail, to level changes and to alarms; nobody by default."""
    topics = {topic["TopicName"]: stack.id_of(topic) for topic in stack.of("AWS::SNS::Topic").values()}
    subscriptions = {
        (each["Protocol"], each["Endpoint"], each["TopicArn"]["Ref"])
        for each in stack.of("AWS::SNS::Subscription").values()
    }
    assert subscriptions == {
        ("email", address, topic) for address in ("ops@example.com", "sre@example.com") for topic in topics.values()
    }
    assert other.of("AWS::SNS::Subscription") == {}


# --- Nothing is lost without a trace ---------------------------------------------------------------------------------


def without_failure_destination(template: dict[str, Any]) -> list[str]:
    """Everything that takes events and would drop one that it cannot take: logical ids with what is missing."""
    resources = template["Resources"]
    found = []
    asynchronous = set()
    kept = {
        each["Properties"]["FunctionName"]["Ref"]
        for each in resources.values()
        if each["Type"] == "AWS::Lambda::EventInvokeConfig"
        and each["Properties"].get("DestinationConfig", {}).get("OnFailure")
    }
    for name, each in resources.items():
        properties = each["Properties"]
        match each["Type"]:
            case "AWS::Scheduler::Schedule":
                asynchronous.add(properties["Target"]["Arn"]["Fn::GetAtt"][0])
                if "DeadLetterConfig" not in properties["Target"]:
                    found.append(f"{name}: ticks that cannot be delivered")
            case "AWS::Events::Rule":
                found += [f"{name}: events" for target in properties["Targets"] if "DeadLetterConfig" not in target]
            case "AWS::Lambda::EventSourceMapping":
                source = properties["EventSourceArn"]["Fn::GetAtt"]
                queue = resources[source[0]]["Type"] == "AWS::SQS::Queue"
                if queue and "RedrivePolicy" not in resources[source[0]]["Properties"]:
                    found.append(f"{name}: messages of {source[0]}")
                if not queue and not properties.get("DestinationConfig", {}).get("OnFailure"):
                    found.append(f"{name}: records of {source[0]}")
            case "AWS::SNS::Subscription":
                if properties["Protocol"] not in {"email", "email-json"} and "RedrivePolicy" not in properties:
                    found.append(f"{name}: messages")
            case _:
                pass
    return found + [f"{name}: asynchronous events" for name in sorted(asynchronous - kept)]


def test_no_consumer_is_without_a_failure_destination(stack: Synthesised) -> None:
    """Schedules, queues, streams, functions that are started without waiting, subscriptions of programs."""
    assert without_failure_destination(stack.template) == []


def test_a_consumer_without_a_failure_destination_would_be_found(stack: Synthesised) -> None:
    """Each way of losing an event is noticed by the search above."""
    template = json.loads(stack.text)
    for each in template["Resources"].values():
        properties = each["Properties"]
        properties.pop("RedrivePolicy", None)
        properties.pop("DestinationConfig", None)
        properties.get("Target", {}).pop("DeadLetterConfig", None)
    template["Resources"]["Planted"] = {"Type": "AWS::SNS::Subscription", "Properties": {"Protocol": "sqs"}}
    template["Resources"]["Rule"] = {"Type": "AWS::Events::Rule", "Properties": {"Targets": [{}]}}
    found = without_failure_destination(template)
    kinds = sorted(each.partition(": ")[2].partition(" of ")[0] for each in found)
    assert kinds == sorted(
        [
            *["asynchronous events"] * 2,
            "events",
            *["messages"] * 2,
            "records",
            *["ticks that cannot be delivered"] * 2,
        ]
    )


# --- Alarms and dashboard --------------------------------------------------------------------------------------------


def alarm(stack: Synthesised, name: str) -> dict[str, Any]:
    """An alarm of the stack."""
    return stack.one("AWS::CloudWatch::Alarm", AlarmName=f"fleet-one-{name}")


def test_scans_that_stop_raise_an_alarm_even_if_nothing_runs_any_more(stack: Synthesised) -> None:
    """The dead man's switch: without data it is in alarm."""
    stale = alarm(stack, "stale-scans")
    assert stale["MetricName"] == names.OLDEST_SCAN_AGE_SECONDS
    assert stale["Threshold"] == CONFIG.stale_after_seconds == 3 * 2 * 3600
    assert stale["TreatMissingData"] == "breaching"
    assert (stale["Statistic"], stale["ComparisonOperator"]) == ("Maximum", "GreaterThanThreshold")


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("stale-scans", names.OLDEST_SCAN_AGE_SECONDS),
        ("outbox-age", names.OUTBOX_AGE_SECONDS),
        ("unknown-share", names.UNKNOWN_SHARE_PERCENT),
    ],
)
def test_alarms_look_at_this_deployments_gauges(name: str, metric: str, stack: Synthesised) -> None:
    """Two deployments in one account do not raise each other's alarms."""
    found = alarm(stack, name)
    assert (found["Namespace"], found["MetricName"]) == (names.METRIC_NAMESPACE, metric)
    assert found["Dimensions"] == [{"Name": names.DEPLOYMENT_DIMENSION, "Value": "fleet-one"}]


def test_every_queue_of_dead_letters_has_an_alarm(stack: Synthesised) -> None:
    """Every queue but the one that is worked off."""
    watched = {
        each["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for each in stack.of("AWS::CloudWatch::Alarm").values()
        if each["MetricName"] == "ApproximateNumberOfMessagesVisible" and each["Threshold"] == 0
    }
    worked_off = {name for name, each in stack.of("AWS::SQS::Queue").items() if "RedrivePolicy" in each}
    assert watched == set(stack.of("AWS::SQS::Queue")) - worked_off


@pytest.mark.parametrize("metric", ["Errors", "Throttles", "Duration"])
def test_every_function_of_the_way_has_its_alarms(metric: str, stack: Synthesised) -> None:
    """What goes wrong with the widget is seen by whoever looks at it."""
    watched = {
        each["Dimensions"][0]["Value"]["Ref"]
        for each in stack.of("AWS::CloudWatch::Alarm").values()
        if each["MetricName"] == metric
    }
    assert watched == {stack.id_of(stack.function(verb)) for verb in SETTINGS if verb != "widget"}


@pytest.mark.parametrize("verb", [verb for verb in SETTINGS if verb != "widget"])
def test_a_function_that_nearly_runs_out_of_time_raises_an_alarm(verb: str, stack: Synthesised) -> None:
    """Later than a slow cluster makes a scan end, sooner than Lambda stops it."""
    milliseconds = 1000 * stack.function(verb)["Timeout"]
    assert milliseconds - 1000 * RESERVE_SECONDS < alarm(stack, f"{verb}-duration")["Threshold"] < milliseconds


def test_throttles_count_when_they_last(stack: Synthesised) -> None:
    """One of them is tried again."""
    found = alarm(stack, "scan-throttles")
    assert found["EvaluationPeriods"] == found["DatapointsToAlarm"] == 3


def test_the_stream_and_what_comes_of_it_are_watched(stack: Synthesised) -> None:
    """How late the relay reads; whether subscribers get what SNS took; whether rows are left out."""
    assert alarm(stack, "stream-age")["MetricName"] == "IteratorAge"
    assert alarm(stack, "stream-age")["Dimensions"][0]["Value"] == {"Ref": stack.id_of(stack.function("relay"))}
    topic = stack.one("AWS::SNS::Topic", TopicName=names.topic("fleet-one"))
    (dimension,) = alarm(stack, "failed-deliveries")["Dimensions"]
    assert dimension["Value"] == {"Fn::GetAtt": [stack.id_of(topic), "TopicName"]}
    assert alarm(stack, "broken-rows")["MetricName"] == names.BROKEN_ROWS


def test_every_alarm_tells_what_to_do_and_its_page_in_the_runbook(stack: Synthesised) -> None:
    """When it begins and when it ends, on the topic of operations; there is a page for each, and none too many."""
    topic = [{"Ref": stack.id_of(stack.one("AWS::SNS::Topic", TopicName=names.operations_topic("fleet-one")))}]
    alarms = {
        each["AlarmName"].removeprefix("fleet-one-"): each for each in stack.of("AWS::CloudWatch::Alarm").values()
    }
    for name, each in alarms.items():
        assert each["AlarmActions"] == each["OKActions"] == topic
        what, _, page = each["AlarmDescription"].partition(" Then go on with ")
        assert page == f"{RUNBOOK}#{name}"
        assert what.endswith(".")
        assert len(what) > 40
    text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    _, _, pages = text.partition("\n## Alarms\n")
    pages, _, _ = pages.partition("\n## ")
    assert re.findall(r"(?m)^### (.+)$", pages) == [*alarms]
    for page in pages.split("\n### ")[1:]:
        for part in ("**Means**", "**Look**", "**Mend**"):
            assert part in page, page.splitlines()[0]


def dashboard(stack: Synthesised) -> dict[str, Any]:
    """The dashboard's widgets by their titles."""
    body = json.loads(flat(stack.one("AWS::CloudWatch::Dashboard")["DashboardBody"]))
    return {widget["properties"]["title"]: widget for widget in body["widgets"]}


def test_the_dashboard_shows_clusters_that_nobody_knew_at_deployment(stack: Synthesised) -> None:
    """The table asks the ledger; the graph searches for the metric's dimension."""
    table, levels, *_ = dashboard(stack).values()
    assert table["properties"]["endpoint"] == f"<{stack.id_of(stack.function('widget'))}.Arn>"
    ((search,),) = levels["properties"]["metrics"]
    assert search["expression"].startswith("SEARCH('{EksReadiness,Cluster} MetricName=\"ReadinessLevel\"'")


def test_the_dashboard_shows_every_alarm_and_both_ages(stack: Synthesised) -> None:
    """Whether the scanner itself is well."""
    *_, alarms, ages = dashboard(stack).values()
    assert len(alarms["properties"]["alarms"]) == len(stack.of("AWS::CloudWatch::Alarm"))
    shown = {metric[1] for metric in ages["properties"]["metrics"]}
    assert shown == {names.OLDEST_SCAN_AGE_SECONDS, names.OUTBOX_AGE_SECONDS}


# --- What is kept ----------------------------------------------------------------------------------------------------


def test_the_bucket_is_private_encrypted_and_forgets(stack: Synthesised, other: Synthesised) -> None:
    """Objects stay a little longer than the rows that point to them; nothing of it needs a function to go."""
    bucket = stack.one("AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (key,) = stack.of("AWS::KMS::Key")
    assert encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]["Fn::GetAtt"] == [key, "Arn"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == CONFIG.scan_retention_days + OUTLASTS_ROWS_DAYS
    assert rule["Status"] == "Enabled"
    assert "Prefix" not in rule
    assert "BucketName" not in bucket
    policy = stack.one("AWS::S3::BucketPolicy", Bucket={"Ref": stack.id_of(bucket)})
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert not [each["Type"] for each in other.resources.values() if each["Type"].startswith("Custom::")]


def test_who_may_do_what_with_the_bucket(stack: Synthesised) -> None:
    """The scanner adds objects, the widget reads them; nobody deletes one, and nobody else comes near."""
    bucket = stack.id_of(stack.one("AWS::S3::Bucket"))
    allowed = {
        (verb, action): flat(statement["Resource"])
        for verb in SETTINGS
        for statement in stack.rights(verb)
        for action in as_list(statement["Action"])
        if bucket in json.dumps(statement["Resource"])
    }
    assert allowed == {
        ("scan", "s3:PutObject"): f"<{bucket}.Arn>/scans/*",
        ("widget", "s3:GetObject"): f"<{bucket}.Arn>/scans/*",
        ("widget", "s3:ListBucket"): f"<{bucket}.Arn>",
    }
    for verb, action in (("scan", "kms:GenerateDataKey"), ("widget", "kms:Decrypt")):
        (used,) = (each for each in stack.rights(verb) if "s3." in json.dumps(each.get("Condition", {})))
        assert as_list(used["Action"]) == [action]
    variables = stack.function("scan")["Environment"]["Variables"]
    assert variables["EKS_READINESS_EVIDENCE_BUCKET"] == {"Ref": bucket}


def test_table_and_key_outlive_the_stack_unless_told_otherwise(stack: Synthesised, other: Synthesised) -> None:
    """A table without its key could not be read again."""
    for synthesised, policy, protected in ((stack, "Retain", True), (other, "Delete", False)):
        for kind in ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"):
            (resource,) = (each for each in synthesised.resources.values() if each["Type"] == kind)
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == policy
        assert synthesised.one("AWS::DynamoDB::Table")["DeletionProtectionEnabled"] is protected


def test_the_table_is_what_the_stores_expect(stack: Synthesised) -> None:
    """Keys, indexes, stream, time to live, recovery to a point in time, our key."""
    table = stack.one("AWS::DynamoDB::Table")
    assert [each["AttributeName"] for each in table["KeySchema"]] == [names.PARTITION_KEY, names.SORT_KEY]
    assert {each["IndexName"] for each in table["GlobalSecondaryIndexes"]} == {
        names.PENDING_INDEX,
        names.REGISTRY_INDEX,
    }
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": names.EXPIRES, "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"]["SSEType"] == "KMS"


# --- The application -------------------------------------------------------------------------------------------------


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file that the application is told to read."""
    file = tmp_path / "wrong.yaml"
    monkeypatch.setenv("EKS_READINESS_CONFIG", str(file))
    return file


def test_a_wrong_configuration_is_one_line_and_exit_code_2(configured: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """File, line, what is wrong, how to write it; no traceback."""
    configured.write_text("name: fleet\nschedul: rate(1 hour)\n")
    assert application.main() == 2
    assert capfd.readouterr().err == "wrong.yaml:2: schedul: unknown key; did you mean `schedule`?\n"


def test_a_bundle_that_cannot_be_built_is_said_in_words(
    configured: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Most often the interpreter of the functions' version is not there."""
    configured.write_text("name: fleet\n")

    def refuse(*_arguments: object, packages: tuple[str, ...]) -> Path:
        raise BundleError("put python3.13 on PATH")

    monkeypatch.setattr(application, "build_bundle", refuse)
    assert application.main() == 4
    assert capfd.readouterr().err == "put python3.13 on PATH\n"
