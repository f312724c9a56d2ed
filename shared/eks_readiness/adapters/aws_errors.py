"""What an error of an AWS SDK call means for the evidence."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
    UnknownServiceError,
)
from botocore.exceptions import ConnectionError as SdkConnectionError
from botocore.parsers import ResponseParserError

from eks_readiness.domain.errors import (
    AccessDenied,
    ProbeError,
    RefusedRequest,
    Throttled,
    TimedOut,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
    Unsupported,
    bounded,
)

# S3 answers HEAD without a body: its code is then the number alone.
_DENIED = frozenset({"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
_UNAUTHENTICATED = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
# Some services say so with status 400, as AWS Budgets does.
_OUT_OF_ORDER = frozenset(
    {"InternalError", "InternalFailure", "InternalServerError", "ServerException", "ServiceUnavailable", "Unavailable"}
    | {"InternalErrorException", "InternalException", "InternalServerErrorException", "InternalServerException"}
    | {"InternalServiceError", "InternalServiceException", "InternalServiceFault", "KMSInternalException"}
    | {"DependencyTimeoutException", "ServiceFailure", "ServiceUnavailableException"}
)
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
_ACTION_PREFIXES = {"elbv2": "elasticloadbalancing", "amp": "aps", "accessanalyzer": "access-analyzer"}
"""Services whose IAM actions begin with another name than the SDK's client."""
_SERVER_ERROR = 500
_SIGN_IN = "sign in again, for example with: aws sso login"


SDK_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
"""Whatever a call of the SDK raises: an answer that it cannot read is in neither of its own two trees."""


def refused(service: str, operation: str, code: str, message: str, *, status: int) -> ProbeError:
    """What an error that the service answered means; `status` is that of HTTP."""
    what = f"{service}:{operation}: {code}: {message}"
    if code in _DENIED:
        return AccessDenied(
            what, remedy=f"allow the scanner's role {_ACTION_PREFIXES.get(service, service)}:{operation}"
        )
    if code in _UNAUTHENTICATED:
        return Unauthenticated(what, remedy=_SIGN_IN)
    if code in _THROTTLED:
        return Throttled(what, remedy="the next scan tries again")
    if code in _OUT_OF_ORDER or status >= _SERVER_ERROR:
        return Unreachable(what, remedy="the next scan tries again")
    if code == "OptInRequired":
        return Unsupported(what, remedy="the region is not enabled for this account")
    return RefusedRequest(what, code=code)


def translated(  # noqa: PLR0911 - one for each kind of error
    service: str, operation: str, error: ClientError | BotoCoreError | ResponseParserError
) -> ProbeError:
    """What an error of boto3 means."""
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return refused(
            service, operation, str(said.get("Code", "")), bounded(str(said.get("Message", ""))), status=status
        )
    what = f"{service}:{operation}: {error}"
    if isinstance(error, ResponseParserError):
        return UnexpectedAnswer(what, remedy="the next scan tries again")
    if isinstance(error, _NO_CREDENTIALS):
        return Unauthenticated(what, remedy=_SIGN_IN)
    if isinstance(error, SdkConnectionError):  # its kinds: no route, no answer in time, TLS, a proxy
        return Unreachable(what, remedy=f"check the region and that {service} can be reached from here")
    if isinstance(error, ReadTimeoutError):
        return TimedOut(what, remedy="the next scan tries again")
    if isinstance(error, HTTPClientError):
        return Unreachable(what, remedy=f"check that {service} can be reached from here")
    if isinstance(error, UnknownServiceError | NoRegionError):
        return Unsupported(what, remedy="name the region with --region")
    return RefusedRequest(what, code=type(error).__name__)


def unreadable(service: str, operation: str, error: Exception) -> UnexpectedAnswer:
    """What an answer means over which the SDK itself stumbles."""
    return UnexpectedAnswer(
        f"{service}:{operation}: the answer cannot be read: {type(error).__name__}: {error}", remedy=NOT_THE_SERVICE
    )


NOT_THE_SERVICE = "something else answers in its place, or it errs: compare with the same call of the aws CLI"
