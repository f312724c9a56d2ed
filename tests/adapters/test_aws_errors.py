"""What an error of AWS means for the evidence: above all, a service that fails says nothing about what is there."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from eks_readiness.adapters.aws_errors import translated
from eks_readiness.domain.errors import (
    AccessDenied,
    ProbeError,
    RefusedRequest,
    Throttled,
    Unauthenticated,
    Unreachable,
    Unsupported,
)


def _meaning(code: str, status: int) -> ProbeError:
    answer = {"Error": {"Code": code, "Message": "said the service"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return translated("eks", "DescribeCluster", ClientError(answer, "DescribeCluster"))  # type: ignore[arg-type] # the rest of the metadata is not looked at


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ServerException", 500),  # EKS
        ("InternalServerException", 500),  # Data Exports, ECR
        ("Unavailable", 503),  # EC2
        ("KMSInternalException", 500),
        ("InternalErrorException", 400),  # Budgets, with the status of a mistake of the caller
        ("502", 502),  # S3, to HEAD
        ("SomethingOfTomorrowException", 504),
        ("", 500),
    ],
)
def test_a_service_that_fails_is_not_reached(code: str, status: int) -> None:
    """By its code, or by the status alone: that nothing was found, or is refused, was not said."""
    error = _meaning(code, status)
    assert type(error) is Unreachable
    assert "the next scan tries again" in error.remedy


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ResourceNotFoundException", 404, RefusedRequest),
        ("ValidationException", 400, RefusedRequest),
        ("AccessDeniedException", 400, AccessDenied),
        ("403", 403, AccessDenied),
        ("ThrottlingException", 400, Throttled),
        ("SlowDown", 503, Throttled),
        ("RequestLimitExceeded", 503, Throttled),
        ("ExpiredToken", 403, Unauthenticated),
        ("OptInRequired", 403, Unsupported),
    ],
)
def test_what_a_service_refuses_is_told_apart(code: str, status: int, kind: type[ProbeError]) -> None:
    """Each kind has a remedy of its own; the code decides before the status."""
    assert type(_meaning(code, status)) is kind
