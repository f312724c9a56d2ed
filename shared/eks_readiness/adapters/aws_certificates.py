"""The certificates that the cluster's load balancers serve, in ACM and in IAM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import AccessDenied, ProbeError, RefusedRequest
from eks_readiness.domain.evidence import Entrances, LoadBalancers, ServingCertificates, Unavailable
from eks_readiness.domain.evidence.certificates import ServingCertificate

MAX_CERTIFICATES = 500
"""Certificates of one cluster that are looked at: each takes a call."""
_IAM = ":server-certificate/"


def read_certificates(aws: AwsReader, gathered: Gathered) -> ServingCertificates:
    """Every certificate that a listener, or an annotation of a Service, names."""
    used_by: dict[str, str] = {}
    for arn, where in _named(gathered):
        used_by.setdefault(arn, where)
    looked_at = sorted(used_by)[:MAX_CERTIFICATES]
    in_acm = [arn for arn in looked_at if _IAM not in arn]
    in_iam = [arn for arn in looked_at if _IAM in arn]
    answers = aws.read_each("acm", "DescribeCertificate", [{"CertificateArn": arn} for arn in in_acm])
    return ServingCertificates(
        observed_at=gathered.observed_at,
        source="acm:DescribeCertificate, iam:ListServerCertificates",
        certificates=(
            *(_of_acm(arn, used_by[arn], answer) for arn, answer in zip(in_acm, answers, strict=True)),
            *_of_iam(aws, in_iam, used_by),
        ),
        beyond=len(used_by) - len(looked_at),
    )


def _named(gathered: Gathered) -> Iterator[tuple[str, str]]:
    balancers, entrances = gathered.slices[LoadBalancers], gathered.slices[Entrances]
    for each in balancers.load_balancers if isinstance(balancers, LoadBalancers) else ():
        for listener in () if isinstance(each.tls_listeners, Unavailable) else each.tls_listeners:
            for arn in listener.certificate_arns:
                yield arn, f"{each.name}:{listener.port}"
    for arn in entrances.services.certificate_arns if isinstance(entrances, Entrances) else ():
        yield arn, "a Service's load balancer"


def _of_acm(arn: str, used_by: str, answer: dict[str, Any] | ProbeError) -> ServingCertificate:
    if isinstance(answer, AccessDenied | RefusedRequest):
        return ServingCertificate(arn=arn, store="acm", used_by=used_by, unread=Unavailable.because(answer))
    if isinstance(answer, ProbeError):
        raise answer
    found = answer["Certificate"]
    return ServingCertificate(
        arn=arn,
        store="acm",
        domain=found.get("DomainName") or "",
        type=found.get("Type") or "",
        status=found.get("Status") or "",
        renewal_status=(found.get("RenewalSummary") or {}).get("RenewalStatus") or "",
        expires_at=found.get("NotAfter"),
        used_by=used_by,
    )


def _of_iam(aws: AwsReader, arns: list[str], used_by: Mapping[str, str]) -> Iterator[ServingCertificate]:
    """Certificates uploaded to IAM: one list of all, made only where a listener names one."""
    if not arns:
        return
    listed = unless_denied(lambda: list(aws.pages("iam", "ListServerCertificates", "ServerCertificateMetadataList")))
    known = {} if isinstance(listed, Unavailable) else {each["Arn"]: each for each in listed}
    for arn in arns:
        yield ServingCertificate(
            arn=arn,
            store="iam",
            domain=arn.rpartition("/")[2],
            expires_at=known.get(arn, {}).get("Expiration"),
            used_by=used_by[arn],
            unread=listed if isinstance(listed, Unavailable) else None,
        )


PROBES = (
    AwsProbe(
        provides=ServingCertificates,
        actions=("acm:DescribeCertificate", "iam:ListServerCertificates"),
        read=read_certificates,
        after=(LoadBalancers, Entrances),
    ),
)
"""What this module gathers."""
