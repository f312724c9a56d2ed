"""How a probe is declared: which evidence it gathers, with which rights, after which other evidence.

A probe reads one slice. `collect` runs every probe as soon as the slices under `after` are there; a probe whose `after`
could not be had is not run: its slice is unavailable for the same reason. The rights of all probes together are the
IAM policy and the ClusterRole that the product asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import ProbeError, UnavailableReason
from eks_readiness.domain.evidence import Slice, Unavailable

S = TypeVar("S", bound=Slice)
T = TypeVar("T")


UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What is raised where an answer has another shape than its reader expects."""


class AwsReader(Protocol):
    """Reads one account and region of AWS. Every method raises the `ProbeError` tree and nothing else."""

    def read(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call one operation (API name, like `DescribeCluster`) and return its answer as boto3 shapes it."""

    def pages(self, service: str, operation: str, key: str, /, **parameters: Any) -> Iterator[Any]:
        """Every element under the answer's `key`, over all pages."""

    def read_each(
        self, service: str, operation: str, each: Sequence[Mapping[str, Any]], /
    ) -> list[dict[str, Any] | ProbeError]:
        """Call one operation once for each set of parameters, side by side; answers or errors in the same order."""


class Kind(msgspec.Struct, frozen=True):
    """One kind of Kubernetes object, as its list path names it. `versions` are those we can read, best first.

    `page` is how many are asked for at once: as many as make a few megabytes.
    """

    group: str
    resource: str
    versions: tuple[str, ...] = ("v1",)
    page: int = 500


class KubernetesReader(Protocol):
    """Reads one cluster's Kubernetes API. Every method raises the `ProbeError` tree and nothing else."""

    def serves(self, kind: Kind) -> str | None:
        """The best version of the kind that discovery shows, or None: the kind is not installed."""

    def kinds(self, group: str) -> tuple[Kind, ...]:
        """Every kind of a group that discovery shows, for groups whose kinds are made at run time."""

    def items(
        self,
        kind: Kind,
        item: type[T],
        /,
        *,
        metadata_only: bool = False,
        resource_version: str = "",
    ) -> Iterator[T]:
        """Every object of a kind in all namespaces, page by page, decoded into a struct of the needed fields.

        A kind that discovery does not show yields nothing. `resource_version` is for servers that take a word there.
        """

    def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """The data of one ConfigMap; None when it does not exist."""


class NotGathered(ProbeError):
    """What this probe builds on could not be had."""

    def __init__(self, kind: type[Slice], why: Unavailable) -> None:
        super().__init__(f"needs {kind.__name__}: {why.detail}", remedy=why.remedy)
        self.reason: UnavailableReason = why.reason  # type: ignore[misc] # this one takes over another's reason


class Gathered(msgspec.Struct, frozen=True):
    """What a probe may build on: the cluster, the instant of the scan, and the evidence named by its `after`.

    `documents` are the addresses of evidence in the statements about this cluster.
    """

    cluster: ClusterRef
    observed_at: datetime
    slices: Mapping[type[Slice], Slice | Unavailable]
    documents: tuple[str, ...] = ()

    def get(self, kind: type[S]) -> S:
        """A slice that the probe comes after.

        Raises:
            NotGathered: it is unavailable.
        """
        found = self.slices[kind]
        if isinstance(found, Unavailable):
            raise NotGathered(kind, found)
        if not isinstance(found, kind):
            message = f"{kind.__name__} holds a {type(found).__name__}"
            raise TypeError(message)
        return found


class Right(msgspec.Struct, frozen=True, order=True):
    """One rule of the ClusterRole (or, with `namespace` and `names`, of a Role in that namespace)."""

    group: str
    resource: str
    verbs: tuple[str, ...] = ("list",)
    namespace: str = ""
    names: tuple[str, ...] = ()


class AwsProbe(msgspec.Struct, frozen=True, kw_only=True):
    """Gathers one slice from AWS. `actions` are the IAM actions that it needs.

    `opt_in` are those that the deployment grants only where its configuration says on what.
    """

    provides: type[Slice]
    actions: tuple[str, ...]
    read: Callable[[AwsReader, Gathered], Slice]
    opt_in: tuple[str, ...] = ()
    after: tuple[type[Slice], ...] = ()


class KubernetesProbe(msgspec.Struct, frozen=True, kw_only=True):
    """Gathers one slice from the Kubernetes API. `rights` are the RBAC rights that it needs."""

    provides: type[Slice]
    rights: tuple[Right, ...]
    read: Callable[[KubernetesReader, Gathered], Slice]
    after: tuple[type[Slice], ...] = ()
