"""Gathers all evidence of one cluster: each probe as soon as what it builds on is there, AWS and Kubernetes at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from types import MappingProxyType

from eks_readiness.adapters.kubernetes_api import Expired
from eks_readiness.adapters.probe import UNREADABLE, AwsProbe, AwsReader, Gathered, KubernetesProbe, KubernetesReader
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import ProbeError, UnavailableReason, bounded
from eks_readiness.domain.evidence import Evidence, Slice, Unavailable

Probe = AwsProbe | KubernetesProbe
OnGathered = Callable[[type[Slice], Slice | Unavailable], None]
_LOG = logging.getLogger(__name__)
_THREADS = 64
"""They wait for answers most of the time; enough that a service and a list that hang leave room for all others.

How many calls are made at once is bounded where they are made.
"""


def collect_evidence(  # noqa: PLR0913 - one for each thing that a scan is made of
    cluster: ClusterRef,
    *,
    aws: AwsReader,
    connect: Callable[[], KubernetesReader],
    aws_probes: Sequence[AwsProbe],
    kubernetes_probes: Sequence[KubernetesProbe],
    observed_at: datetime,
    seconds: float,
    documents: Sequence[str] = (),
    on_gathered: OnGathered | None = None,
) -> Evidence:
    """Run every probe and return what they saw; nothing that goes wrong in one keeps the others.

    `connect` gives the reader of the cluster's Kubernetes API; when it raises a ProbeError, every Kubernetes slice is
    unavailable for that reason. What is not there after `seconds` is unavailable (timeout); it is not waited for.
    `on_gathered` is told about each slice as it arrives, in the calling thread.
    """
    until = time.monotonic() + seconds
    slices: dict[type[Slice], Slice | Unavailable] = {}
    gathered = Gathered(cluster, observed_at, MappingProxyType(slices), tuple(documents))
    waiting: list[Probe] = [*aws_probes, *kubernetes_probes]
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="probe")
    try:
        connection = pool.submit(connect)
        running: dict[Future[Slice], Probe] = {}
        while waiting or running:
            for probe in [each for each in waiting if all(kind in slices for kind in each.after)]:
                waiting.remove(probe)
                running[pool.submit(_run, probe, aws, connection, gathered)] = probe
            if not running:
                names = ", ".join(each.provides.__name__ for each in waiting)
                raise ValueError(f"probes wait for evidence that nobody gathers: {names}")
            done, _ = wait(running, timeout=max(0.0, until - time.monotonic()), return_when=FIRST_COMPLETED)
            if not done:
                for probe in [*running.values(), *waiting]:
                    _note(slices, probe.provides, _too_late(seconds), on_gathered)
                break
            for future in done:
                probe = running.pop(future)
                _note(slices, probe.provides, outcome(probe, future.result), on_gathered)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return Evidence(cluster=cluster, observed_at=observed_at, slices=MappingProxyType(dict(slices)))


def _run(probe: Probe, aws: AwsReader, connection: Future[KubernetesReader], gathered: Gathered) -> Slice:
    if isinstance(probe, AwsProbe):
        return probe.read(aws, gathered)
    reader = connection.result()
    try:
        return probe.read(reader, gathered)
    except Expired:
        # A list went stale halfway and the server offers no way on: what was folded so far is dropped with it.
        return probe.read(reader, gathered)


def outcome(probe: Probe, read: Callable[[], Slice]) -> Slice | Unavailable:
    """What a probe saw, or why it did not: whatever it stumbles over takes nothing but its own slice."""
    try:
        return read()
    except ProbeError as error:
        return Unavailable.because(error)
    except UNREADABLE as error:
        # A probe computes nothing but answers: what it stumbles over is one that it did not expect.
        _LOG.exception("the probe of %s %s", probe.provides.__name__, STUMBLED)
        return _unavailable(probe, "unexpected", STUMBLED, error)
    except Exception as error:  # noqa: BLE001 - one broken probe must not take the others with it
        _LOG.exception("the probe of %s crashed", probe.provides.__name__)
        return _unavailable(probe, "crashed", "crashed", error)


STUMBLED = "could not read an answer"
"""How the detail of a slice says that its probe did not expect what it was answered."""


def _unavailable(probe: Probe, reason: UnavailableReason, what: str, error: Exception) -> Unavailable:
    return Unavailable(
        reason=reason,
        detail=bounded(f"the probe of {probe.provides.__name__} {what}: {type(error).__name__}: {error}"),
        remedy="report it with the log of this scan",
    )


def _note(
    slices: dict[type[Slice], Slice | Unavailable],
    kind: type[Slice],
    found: Slice | Unavailable,
    on_gathered: OnGathered | None,
) -> None:
    slices[kind] = found
    if on_gathered is not None:
        on_gathered(kind, found)


def _too_late(seconds: float) -> Unavailable:
    return Unavailable(
        reason="timeout",
        detail=f"it was not there after {seconds:g} s",
        remedy="give the scan more time (scan_timeout_seconds), or look at what answers slowly",
    )
