"""The settings of each function: written into its environment by the infrastructure, read once when it starts.

One class serves both sides, so a name cannot drift. Text is written as it is, everything else as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

ENVIRONMENT_PREFIX = "EKS_READINESS_"
PROCESS_ENVIRONMENT: Mapping[str, str] = {
    # One heap for all threads: they wait more than they allocate, and each of its own keeps what its lists once needed.
    # https://www.gnu.org/software/libc/manual/html_node/Memory-Allocation-Tunables.html
    "MALLOC_ARENA_MAX": "1",
}
"""What is set in the environment of every function for the process itself."""

Text = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[int, Meta(ge=1)]
Days = Annotated[int, Meta(ge=1)]


class SettingsError(Exception):
    """The environment does not hold a function's settings; the message names what is wrong with it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings of every function have in common.

    `ledger_table` is the table's name; `deployment` names this deployment in the metrics that count for the whole
    fleet, so that two deployments in one account stay apart.
    """

    ledger_table: Text
    deployment: Text

    def to_env(self) -> dict[str, str]:
        """The environment that `from_env` reads back."""
        return {
            variable(name): value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name in self.__struct_fields__
            for value in [getattr(self, name)]
        }

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from an environment.

        Raises:
            SettingsError: variables are missing (all of them are named), or one cannot be read.
        """
        fields = msgspec.structs.fields(cls)
        if missing := [name for each in fields if (name := variable(each.name)) not in environment]:
            raise SettingsError(f"the environment lacks {', '.join(missing)}: deploy the function again")
        values: dict[str, Any] = {each.name: _read(each, environment[variable(each.name)]) for each in fields}
        return cls(**values)


class DispatchSettings(Settings, frozen=True, kw_only=True):
    """The dispatcher: sends one scan request per registered cluster.

    `jitter_seconds` spreads the requests of one tick; SQS delays a message by at most 900 seconds.
    """

    scan_queue_url: Text
    jitter_seconds: Annotated[int, Meta(ge=0, le=900)]


class ScanSettings(Settings, frozen=True, kw_only=True):
    """The scanner: scans one cluster per message.

    `policy` overrides thresholds for the fleet. `kubernetes_endpoint_suffixes` are host suffixes of API server
    endpoints that are allowed beside those of EKS. `reserve_seconds` of the function's time are kept for judging and
    writing. `scan_retention_days` is how long a scan stays in the ledger; of one that is too large for it, the details
    are in `evidence_bucket`. `scan_queue_url` is where requests come from.
    """

    scan_queue_url: Text
    policy: dict[str, object]
    kubernetes_endpoint_suffixes: tuple[str, ...]
    reserve_seconds: Seconds
    scan_retention_days: Days
    evidence_bucket: Text


class RelaySettings(Settings, frozen=True, kw_only=True):
    """The relay: publishes each new event of the ledger.

    `lease_seconds` must be more than the function's timeout: then nobody else can publish while it still may.
    `dashboard_url` is where messages send their readers; it may be empty.
    """

    topic_arn: Text
    lease_seconds: Seconds
    dashboard_url: str


class SweepSettings(Settings, frozen=True, kw_only=True):
    """The sweeper: publishes what the relay left behind, and the age gauges.

    `pending_after_seconds` is how old an event must be before the sweeper takes it, `digest_after_seconds` how long a
    held one waits for others of its kind. `scan_interval_seconds` and `policy` say from when on a level is unknown. The
    rest is as for the relay.
    """

    topic_arn: Text
    lease_seconds: Seconds
    dashboard_url: str
    pending_after_seconds: Seconds
    digest_after_seconds: Seconds
    scan_interval_seconds: Seconds
    policy: dict[str, object]


class WidgetSettings(Settings, frozen=True, kw_only=True):
    """The dashboard widget: reads the ledger.

    `scan_interval_seconds` is the schedule's interval: with `policy` it says from when on a level is stale.
    """

    scan_interval_seconds: Seconds
    policy: dict[str, object]


def variable(field: str) -> str:
    """The environment variable of a field."""
    return ENVIRONMENT_PREFIX + field.upper()


def _read(field: msgspec.structs.FieldInfo, text: str) -> object:
    try:
        if isinstance(msgspec.inspect.type_info(field.type), msgspec.inspect.StrType):
            return msgspec.convert(text, field.type)
        return msgspec.json.decode(text, type=field.type)
    except msgspec.DecodeError as error:  # a ValidationError is one, too
        raise SettingsError(
            f"{variable(field.name)} cannot be read: {error}: correct the configuration and deploy the function again"
        ) from error
