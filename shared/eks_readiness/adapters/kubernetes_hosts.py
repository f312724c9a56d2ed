"""What Ingresses, Gateways, routes and Services have in common: their metadata, and folds of what they name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence.ingress import MAX_HOSTS, SETTLING, ClassUse, Host, Hosts, TlsSecret
from eks_readiness.domain.instant import Instant

_HOST_CHARACTERS = 253
_EXTERNAL_DNS = "external-dns.alpha.kubernetes.io"


class Annotations(msgspec.Struct, gc=False):
    """The few annotations that are looked at."""

    hostname: str | None = msgspec.field(default=None, name=f"{_EXTERNAL_DNS}/hostname")
    internal_hostname: str | None = msgspec.field(default=None, name=f"{_EXTERNAL_DNS}/internal-hostname")
    ingress_class: str | None = msgspec.field(default=None, name="kubernetes.io/ingress.class")
    default_class: str | None = msgspec.field(default=None, name="ingressclass.kubernetes.io/is-default-class")
    alb_scheme: str | None = msgspec.field(default=None, name="alb.ingress.kubernetes.io/scheme")
    service_certificates: str | None = msgspec.field(
        default=None, name="service.beta.kubernetes.io/aws-load-balancer-ssl-cert"
    )

    @property
    def requested_hosts(self) -> list[str]:
        """The hosts that external-dns is asked to publish."""
        return [*listed(self.hostname), *listed(self.internal_hostname)]


class EntranceMeta(msgspec.Struct, gc=False, rename="camel"):
    """Of metadata: what these objects are judged by."""

    name: str = ""
    namespace: str = ""
    annotations: Annotations | None = None
    creation_timestamp: Instant | None = None
    deletion_timestamp: str | None = None

    @property
    def where(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def settled(self, at: datetime) -> bool:
        """Whether it should be finished by now: it is neither new nor being deleted."""
        new = self.creation_timestamp is not None and at - self.creation_timestamp < SETTLING
        return self.deletion_timestamp is None and not new


class ReasonedCondition(msgspec.Struct, gc=False):
    """One status condition with its reason."""

    type: str = ""
    status: str = ""
    reason: str | None = None


class Point(msgspec.Struct, gc=False):
    """Where a load balancer is reached: one element of status.loadBalancer.ingress."""

    hostname: str | None = None
    ip: str | None = None


class _LoadBalancerStatus(msgspec.Struct, gc=False):
    ingress: list[Point] | None = None


class EntranceStatus(msgspec.Struct, gc=False, rename="camel"):
    """The status of an Ingress or a Service."""

    load_balancer: _LoadBalancerStatus | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Host names and addresses."""
        points = (self.load_balancer and self.load_balancer.ingress) or ()
        return tuple(bounded(found, _HOST_CHARACTERS) for each in points if (found := each.hostname or each.ip))


def listed(text: str | None) -> list[str]:
    """The elements of a comma-separated annotation."""
    return [part for part in (each.strip() for each in (text or "").split(",")) if part]


def condition(conditions: Iterable[ReasonedCondition] | None, kind: str) -> ReasonedCondition:
    """The condition of a type; an empty one where there is none."""
    return next((each for each in conditions or () if each.type == kind), ReasonedCondition())


class HostFold:
    """Hosts seen so far."""

    def __init__(self) -> None:
        self._total = 0
        self._kept: list[Host] = []

    def add(
        self,
        names: Iterable[str],
        at: str,
        addresses: tuple[str, ...] = (),
        *,
        requested: bool = False,
        internet_facing: bool = False,
    ) -> None:
        """Add the hosts of one object."""
        for name in sorted({plain_host(each) for each in names} - {""}):
            self._total += 1
            if len(self._kept) < MAX_HOSTS:
                self._kept.append(
                    Host(
                        name=name,
                        at=at,
                        addresses=addresses,
                        requested=requested,
                        internet_facing=internet_facing,
                    )
                )

    def hosts(self) -> Hosts:
        """All of them."""
        return Hosts(total=self._total, hosts=tuple(self._kept))


def plain_host(name: str) -> str:
    """A host name in one spelling: lower case, without the root's dot."""
    return bounded(name, _HOST_CHARACTERS).lower().rstrip(".")


class UseFold:
    """Classes in use so far, and the Secrets that each takes certificates from."""

    def __init__(self) -> None:
        self._uses: dict[tuple[str, bool], ClassUse] = {}
        self._secrets: set[tuple[str, str]] = set()
        self.secrets_total = 0

    def add(
        self, name: str, *, legacy: bool = False, has_address: bool, secrets: Iterable[str], with_tls: bool
    ) -> None:
        """Add one object; `secrets` are named namespace/name."""
        known = self._uses.get((name, legacy)) or ClassUse(name=name, legacy=legacy)
        self._uses[name, legacy] = msgspec.structs.replace(
            known,
            total=known.total + 1,
            with_address=known.with_address + has_address,
            with_tls=known.with_tls + with_tls,
        )
        for secret in {(name, bounded(each)) for each in secrets} - self._secrets:
            self.secrets_total += 1
            if len(self._secrets) < MAX_HOSTS:
                self._secrets.add(secret)

    def uses(self) -> tuple[ClassUse, ...]:
        """Every class in use."""
        return tuple(self._uses[key] for key in sorted(self._uses))

    def secrets(self) -> tuple[TlsSecret, ...]:
        """The Secrets that were kept."""
        return tuple(TlsSecret(secret=secret, class_name=name) for name, secret in sorted(self._secrets))
