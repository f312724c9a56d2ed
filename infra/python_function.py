"""The one place that says how a function runs: runtime, processor, logs, role, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_readiness import names
from eks_readiness.settings import PROCESS_ENVIRONMENT, Settings
from infra.config import LOG_RETENTIONS


class Platform(NamedTuple):
    """What the functions of one deployment have in common."""

    python: str
    architecture: str
    log_retention_days: int


class PythonFunction(Construct):
    """One function of `functions/`, with a role that may do nothing but write its own log until told otherwise.

    Grants of the CDK are kept off the role: every right stands in an `allow` beside the function's construct, without
    the wildcards that the library's grants bring along. A function that others start without waiting for its end has
    `on_failure`: where its event goes after so many `retries`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        verb: str,
        description: str,
        code: lambda_.Code,
        platform: Platform,
        settings: Settings,
        timeout_seconds: int,
        memory_mb: int = 512,
        environment: Mapping[str, str] | None = None,
        on_failure: lambda_.IDestination | None = None,
        retries: int = 2,
    ) -> None:
        super().__init__(scope, id)
        self.timeout_seconds = timeout_seconds
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            retention=logs.RetentionDays[LOG_RETENTIONS[platform.log_retention_days]],
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(
            self,
            "Role",
            description=f"{description} (eks-readiness {verb})",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        self.allow("logs:CreateLogStream", "logs:PutLogEvents", on=[self.log_group.log_group_arn])
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            code=code,
            handler=f"functions.{verb}.handler.handler",
            runtime=lambda_.Runtime(f"python{platform.python}", lambda_.RuntimeFamily.PYTHON),
            architecture=lambda_.Architecture.custom(platform.architecture),
            role=self.role.without_policy_updates(),
            log_group=self.log_group,
            timeout=Duration.seconds(timeout_seconds),
            memory_size=memory_mb,
            logging_format=lambda_.LoggingFormat.JSON,
            environment={
                "POWERTOOLS_SERVICE_NAME": verb,
                "POWERTOOLS_METRICS_NAMESPACE": names.METRIC_NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **PROCESS_ENVIRONMENT,
                **(environment or {}),
                **settings.to_env(),
            },
            on_failure=on_failure,
            retry_attempts=retries if on_failure else None,
            max_event_age=Duration.hours(1) if on_failure else None,
        )
        Validations.of(self.function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-L1",
                reason="The configuration chooses the runtime: its bytecode is compiled where it is deployed from.",
            )
        )
        # A function that starts before its rights are there fails its first events.
        self.function.node.add_dependency(self.role)

    def allow(
        self, *actions: str, on: Sequence[str], conditions: Mapping[str, Mapping[str, object]] | None = None
    ) -> None:
        """Give the function's role rights on resources."""
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=[*actions], resources=[*on], conditions=dict(conditions) if conditions else None
            )
        )

    def allow_starting_itself(self) -> None:
        """Let the function hand on what it has no time for.

        A policy apart: the function waits for the role's other rights, and this one needs its ARN.
        """
        statement = iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.function_arn])
        iam.Policy(self, "StartItself", statements=[statement], roles=[self.role])
