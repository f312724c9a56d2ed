"""DNS: which of the cluster's hosts have a record in Route 53."""

from __future__ import annotations

from typing import Literal

import msgspec

from eks_readiness.domain.evidence.slice import Slice, Unavailable

Answered = Literal["found", "missing", "no-zone", "unread"]
"""`no-zone`: no hosted zone of the account holds the name. `unread`: its zone could not be read, or not to its end."""


class HostRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether one host has an address in a public and in a private hosted zone; a wildcard record counts."""

    name: str
    public: Answered = "no-zone"
    private: Answered = "no-zone"


class DnsRecords(Slice, frozen=True, kw_only=True):
    """Route 53's answer for every host of the cluster that was kept. `unread` says why some zones were not read."""

    hosts: tuple[HostRecord, ...] = ()
    unread: Unavailable | None = None
