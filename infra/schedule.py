"""A schedule that starts a function, with a role of its own and a queue for the ticks that could not be delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.python_function import PythonFunction
from infra.queue import EncryptedQueue


class FunctionSchedule(Construct):
    """Starts a function by rate(…) or cron(…) in UTC. `max_age_seconds` is until when a late tick is still worth it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        function: PythonFunction,
        expression: str,
        description: str,
        dead_letters: EncryptedQueue,
        max_age_seconds: int,
        input: Mapping[str, str] | None = None,
        paused: bool = False,
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        group = stack.format_arn(service="scheduler", resource="schedule-group", resource_name="default")
        role = iam.Role(
            self,
            "Role",
            description=f"{description} (schedule)",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                # The group, not the schedule: Scheduler passes nothing narrower.
                # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
                conditions={"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": group}},
            ),
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function.function_arn])
        )
        dead_letters.allow_send(role)
        schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            description=description,
            schedule_expression=expression,
            schedule_expression_timezone="UTC",
            state="DISABLED" if paused else "ENABLED",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.function.function_arn,
                role_arn=role.role_arn,
                input=json.dumps(input) if input else None,
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=max_age_seconds, maximum_retry_attempts=20
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.queue.queue_arn),
            ),
        )
        # A schedule that fires before its role may do anything loses that tick.
        schedule.node.add_dependency(role)
