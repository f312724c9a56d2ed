"""CloudWatch alarms about the cluster, and whom they tell."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from eks_readiness.adapters.aws_naming import mentions, named_after
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import AccessDenied, RefusedRequest
from eks_readiness.domain.evidence import MAX_SAMPLE, Alarms, Sample, Unavailable
from eks_readiness.domain.evidence.observability import AlarmTopic

_DIMENSION = "ClusterName"
_NOT_KUBERNETES = frozenset({"AWS/ECS", "ECS/ContainerInsights", "ECS/ManagedScaling", "AWS/DAX"})
"""Namespaces in which ClusterName is the name of something else, which may be called like an EKS cluster."""
_OF_CLUSTERS = frozenset(
    {"AWS/EKS", "AWS/EC2", "AWS/AutoScaling", "AWS/EBS", "AWS/ApplicationELB", "AWS/NetworkELB", "AWS/Logs"}
    | {"AWS/NATGateway", "AWS/Usage", "AWS/Prometheus"}
)
"""Namespaces of AWS whose metrics may be a cluster's; a database that is named like the cluster is not."""
_MAX_ALARMS = 10_000
_MAX_TOPICS = 20
_CHILD = re.compile(r'(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>[^"]+)"|(?P<plain>[^")]+?))\s*\)')
# Actions that change capacity or an instance tell nobody.
_TELLS_NOBODY = re.compile(r"arn:[\w-]+:(?:autoscaling|application-autoscaling|automate|swf):")
_TOPIC = re.compile(r"arn:[\w-]+:sns:")


class _Fold:
    """What is kept of the alarms that passed by."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.acting: dict[str, None] = {}
        self.silent: dict[str, None] = {}
        self.topics: Counter[str] = Counter()

    def add(self, alarm: Mapping[str, Any]) -> None:
        """Fold in a metric alarm."""
        if _about(alarm, self.cluster):
            self._note(alarm)

    def add_composites(self, alarms: Sequence[Mapping[str, Any]]) -> None:
        """Fold in the composite alarms: what they look at, composites too, speaks through them."""
        inside_out: list[Mapping[str, Any]] = []
        waiting = list(alarms)
        while waiting:
            names = {each["AlarmName"] for each in waiting}
            ready = [each for each in waiting if not names & _children(each)] or waiting  # they may go in circles
            inside_out += ready
            names -= {each["AlarmName"] for each in ready}
            waiting = [each for each in waiting if each["AlarmName"] in names]
        for each in inside_out:
            if named_after(each["AlarmName"], self.cluster) or self._known(each):
                self._note(each)
        for each in reversed(inside_out):
            if each["AlarmName"] in self.acting:
                for name in self._known(each):
                    self.silent.pop(name, None)
                    self.acting[name] = None

    def _known(self, composite: Mapping[str, Any]) -> list[str]:
        return sorted(_children(composite) & (self.silent.keys() | self.acting.keys()))

    def _note(self, alarm: Mapping[str, Any]) -> None:
        told = _tells(alarm)
        (self.acting if told else self.silent)[alarm["AlarmName"]] = None
        self.topics.update(action for action in told if _TOPIC.match(action))


def _tells(alarm: Mapping[str, Any]) -> list[str]:
    actions = alarm.get("AlarmActions") or () if alarm.get("ActionsEnabled") else ()
    return [action for action in actions if not _TELLS_NOBODY.match(action)]


def _about(alarm: Mapping[str, Any], cluster: str) -> bool:
    metrics = list(_metrics(alarm))
    named = [
        one.get("Value")
        for namespace, dimensions in metrics
        if namespace not in _NOT_KUBERNETES
        for one in dimensions
        if one.get("Name") == _DIMENSION
    ]
    if named:
        return cluster in named
    texts = [each.get("Expression") or "" for each in alarm.get("Metrics") or ()]
    # A PromQL alarm carries its query there.
    texts.append(json.dumps(alarm.get("EvaluationCriteria") or {}, default=str))
    if any(mentions(text, cluster) for text in texts):
        return True
    namespaces = {namespace for namespace, _ in metrics if namespace}
    foreign = any(
        each in _NOT_KUBERNETES or (each.startswith("AWS/") and each not in _OF_CLUSTERS) for each in namespaces
    )
    return not foreign and named_after(alarm["AlarmName"], cluster)


def _metrics(alarm: Mapping[str, Any]) -> Iterator[tuple[str, list[Mapping[str, str]]]]:
    """Namespace and dimensions of every metric that an alarm looks at."""
    yield alarm.get("Namespace") or "", alarm.get("Dimensions") or []
    for each in alarm.get("Metrics") or ():
        metric = (each.get("MetricStat") or {}).get("Metric") or {}
        yield metric.get("Namespace") or "", metric.get("Dimensions") or []


def read_alarms(aws: AwsReader, gathered: Gathered) -> Alarms:
    """Every alarm about this cluster, composite ones too, and the topics that they notify."""
    fold, seen = _Fold(gathered.cluster.name), 0
    composites: list[Mapping[str, Any]] = []
    for kind, key in (("MetricAlarm", "MetricAlarms"), ("CompositeAlarm", "CompositeAlarms")):
        # Without AlarmTypes composite alarms are left out.
        listed = aws.pages("cloudwatch", "DescribeAlarms", key, AlarmTypes=[kind], MaxRecords=100)
        for alarm in islice(listed, _MAX_ALARMS - seen):
            seen += 1
            if kind == "CompositeAlarm":
                composites.append(alarm)
            else:
                fold.add(alarm)
    fold.add_composites(composites)
    topics = [arn for arn, _ in sorted(fold.topics.items(), key=lambda item: (-item[1], item[0]))]
    return Alarms(
        observed_at=gathered.observed_at,
        source="cloudwatch:DescribeAlarms, sns:ListSubscriptionsByTopic",
        acting=_sample(fold.acting),
        silent=_sample(fold.silent),
        complete=seen < _MAX_ALARMS,
        topics=tuple(AlarmTopic(arn=arn, confirmed=_confirmed(aws, arn)) for arn in topics[:_MAX_TOPICS]),
        topics_total=len(topics),
    )


def _children(composite: Mapping[str, Any]) -> set[str]:
    """Names of the alarms that a composite alarm's rule looks at: they stand there as names or as ARNs."""
    found = _CHILD.finditer(composite.get("AlarmRule") or "")
    return {(each["quoted"] or each["plain"]).rpartition(":alarm:")[2] for each in found}


def _sample(names: Mapping[str, None]) -> Sample:
    return Sample(total=len(names), names=tuple(islice(names, MAX_SAMPLE)))


def _confirmed(aws: AwsReader, topic: str) -> int | Unavailable:
    """Subscriptions that have an ARN: one not yet confirmed has PendingConfirmation there, one that ended Deleted."""
    try:
        listed = aws.pages("sns", "ListSubscriptionsByTopic", "Subscriptions", TopicArn=topic)
        return sum(1 for each in listed if (each.get("SubscriptionArn") or "").startswith("arn:"))
    except AccessDenied as error:
        return Unavailable.because(error)
    except RefusedRequest as error:
        if error.code == "NotFound":
            return 0  # the topic is gone
        raise


PROBES = (
    AwsProbe(provides=Alarms, actions=("cloudwatch:DescribeAlarms", "sns:ListSubscriptionsByTopic"), read=read_alarms),
)
"""What this module gathers."""
