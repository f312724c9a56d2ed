"""What a deployment can be told, read from `eks-readiness.yaml`: typed, with the line of every mistake."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
import yaml
from msgspec import Meta

from eks_readiness.checklist.items import BY_ID
from eks_readiness.domain.policy import THRESHOLDS, Policy
from infra.schedule_expression import ScheduleError, longest_pause_seconds

DEFAULT_FILE = "eks-readiness.yaml"
MAX_FILE_CHARACTERS = 64 * 1024
"""More is no configuration of ours; the limit also bounds what repetition can cost."""
MAX_DEPTH = 16
MAX_KEY_CHARACTERS = 200

LOG_RETENTIONS = {
    1: "ONE_DAY",
    3: "THREE_DAYS",
    5: "FIVE_DAYS",
    7: "ONE_WEEK",
    14: "TWO_WEEKS",
    30: "ONE_MONTH",
    60: "TWO_MONTHS",
    90: "THREE_MONTHS",
    120: "FOUR_MONTHS",
    150: "FIVE_MONTHS",
    180: "SIX_MONTHS",
    365: "ONE_YEAR",
    400: "THIRTEEN_MONTHS",
    545: "EIGHTEEN_MONTHS",
    731: "TWO_YEARS",
    1096: "THREE_YEARS",
    1827: "FIVE_YEARS",
    2192: "SIX_YEARS",
    2557: "SEVEN_YEARS",
    2922: "EIGHT_YEARS",
    3288: "NINE_YEARS",
    3653: "TEN_YEARS",
}
"""Days for which CloudWatch can keep logs, and what the CDK calls them."""
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_HOST_SUFFIX = re.compile(r"\.?[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_SERVICE_ID = re.compile(r"[a-z][a-z0-9_]{1,60}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PATH_IN_MESSAGE = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")

Text = Annotated[str, Meta(min_length=1, max_length=500)]


class ConfigError(Exception):
    """The configuration is wrong; the message is one line: file, line, what is wrong, how to mend it."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of one deployment; every key has a default.

    `name` is the stack's name and tells deployments apart. `jitter_seconds` spreads the start of one tick's
    scans, as far as SQS can delay them; in a long interval `scan_concurrency` does it further: how many clusters are
    scanned at once, from 2 to 1,000 as Lambda takes it. `scan_timeout_seconds` bounds one cluster's scan.
    `thresholds` overrides the policy. `checklist_packages` are directories or wheels with checks of one's own, relative
    to the file. `evidence_buckets` are S3 buckets whose objects statements may point to: the scanner may look at them.
    While `paused`, no scan is scheduled, and the alarm that misses them is silent.
    `kubernetes_endpoint_suffixes` and `aws_endpoint_urls` (SDK service id in lower case → address) are for
    endpoints of one's own: a proxy, interface endpoints without private DNS, a local AWS.
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,39}$")] = "eks-readiness"
    schedule: Text = "rate(1 hour)"
    jitter_seconds: Annotated[int, Meta(ge=0, le=900)] = 300
    notify: tuple[Text, ...] = ()
    thresholds: dict[str, object] = {}
    checklist_packages: tuple[Text, ...] = ()
    evidence_buckets: tuple[Text, ...] = ()
    scan_timeout_seconds: Annotated[int, Meta(ge=30, le=900)] = 120
    scan_memory_mb: Annotated[int, Meta(ge=256, le=10240)] = 1024
    scan_concurrency: Annotated[int, Meta(ge=2, le=1000)] = 10
    scan_retention_days: Annotated[int, Meta(ge=1, le=3650)] = 400
    log_retention_days: int = 90
    retain: bool = True
    paused: bool = False
    python: Literal["3.11", "3.12", "3.13", "3.14"] = "3.13"
    architecture: Literal["arm64", "x86_64"] = "arm64"
    kubernetes_endpoint_suffixes: tuple[Text, ...] = ()
    aws_endpoint_urls: dict[str, Text] = {}

    @property
    def scan_interval_seconds(self) -> int:
        """The longest time between two scans."""
        return longest_pause_seconds(self.schedule)

    @property
    def stale_after_seconds(self) -> int:
        """The age from which a cluster's last scan counts as stale."""
        return int(self.scan_interval_seconds * msgspec.convert(self.thresholds, Policy).stale_after_intervals)


_KEYS = Config.__struct_fields__
# Read as it is written: YAML takes 3.10 for the number 3.1.
_VERBATIM = ("python",)


class _Document(NamedTuple):
    """A file's data, and the line on which each value stands."""

    file: str
    data: Any
    lines: dict[tuple[str | int, ...], int]

    def error(self, path: tuple[str | int, ...], what: str) -> ConfigError:
        while path not in self.lines:
            path = path[:-1]
        key = ".".join(str(part) for part in path)
        said = f"{key[:MAX_KEY_CHARACTERS]}{': ' if key else ''}{' '.join(what.split())}"
        # What stands in the file may hold what a terminal obeys, or what turns a line around.
        shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in said)
        return ConfigError(f"{self.file}:{self.lines[path]}: {shown}")


def read_config(file: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong.
    """
    document = _parse(file)
    if document.data is None:
        return Config()
    if not isinstance(document.data, dict):
        raise document.error((), "not a mapping: write lines like `schedule: rate(1 hour)`")
    for key in document.data:
        if key not in _KEYS:
            raise document.error((key,), f"unknown key; {_did_you_mean(key, _KEYS)}")
    _check_thresholds(document)
    try:
        config = msgspec.convert(document.data, Config)
    except msgspec.ValidationError as error:
        path, what = _located(error)
        raise document.error(path, what) from None
    _check(document, config)
    packages = tuple(str(_package(document, index, path, file)) for index, path in enumerate(config.checklist_packages))
    return msgspec.structs.replace(config, checklist_packages=packages)


def _parse(file: Path) -> _Document:  # noqa: C901 - one line for each way in which text is no YAML of ours
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}: name another with -c config=FILE") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    if len(text) > MAX_FILE_CHARACTERS:
        raise ConfigError(
            f"{file}: {len(text)} characters are more than {MAX_FILE_CHARACTERS}: is this the right file?"
        )
    document = _Document(file.name, None, {(): 1})
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:  # the time that YAML takes grows with the square of it
                document.lines[()] = _line(event.start_mark)
                raise document.error((), "nested too deeply: no key of the configuration needs that")
            if isinstance(event, yaml.AliasEvent):
                document.lines[()] = _line(event.start_mark)
                raise document.error((), "aliases (*name) are not supported: write the value out")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return document
        document.lines[()] = _line(node.start_mark)
        return document._replace(data=_plain(node, (), document))
    except yaml.MarkedYAMLError as error:
        document.lines[()] = _line(error.problem_mark)
        raise document.error((), f"not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise document.error((), f"not YAML: {error}") from None
    except RecursionError:
        raise document.error((), "nested too deeply: no key of the configuration needs that") from None


def _line(mark: Any) -> int:
    return mark.line + 1 if mark else 1


def _plain(node: yaml.Node, path: tuple[str | int, ...], document: _Document) -> Any:
    document.lines.setdefault(path, _line(node.start_mark))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, index), document) for index, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if not _is_text(node.value):
        raise document.error(path, "holds half of a character: write it out")
    if path and path[-1] in _VERBATIM:
        return node.value
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, OverflowError) as error:  # 2026-13-45 looks like a date, and is none
        raise document.error(path, f"not a value: {error}") from None


def _is_text(text: str) -> bool:
    """Whether it is Unicode: YAML lets a half of a character be written as an escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mapping(node: yaml.MappingNode, path: tuple[str | int, ...], document: _Document) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in node.value:
        line = _line(key.start_mark)
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
        here = (*path, name)
        if not name or name in data or not _is_text(name):
            earlier = document.lines.get(here)
            document.lines[here] = line
            raise document.error(
                here, f"given twice, first on line {earlier}" if name in data else "a key must be a plain word"
            )
        document.lines[here] = line
        data[name] = _plain(value, here, document)
    return data


def _did_you_mean(word: str, known: tuple[str, ...] | frozenset[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"did you mean `{close[0]}`?" if close else f"known: {', '.join(sorted(known))}"


def _located(error: msgspec.ValidationError) -> tuple[tuple[str | int, ...], str]:
    """Split msgspec's message into the place, like `$.notify[1]`, and what is wrong there."""
    message = str(error)
    match = _PATH_IN_MESSAGE.search(message)
    if match is None:
        return (), message
    parts = re.findall(r"\.([^.\[]+)|\[(\d+)\]", match["path"])
    return tuple(int(index) if index else name for name, index in parts), message[: match.start()]


def _package(document: _Document, index: int, path: str, file: Path) -> Path:
    found = (file.parent / path).resolve()
    if not (found / "pyproject.toml").is_file() and not (found.suffix == ".whl" and found.is_file()):
        what = f"{path} is neither a wheel nor a directory with a pyproject.toml"
        raise document.error(("checklist_packages", index), what)
    return found


def _check_thresholds(document: _Document) -> None:
    thresholds = document.data.get("thresholds")
    for name, value in thresholds.items() if isinstance(thresholds, dict) else ():
        if name not in THRESHOLDS:
            raise document.error(("thresholds", name), f"unknown threshold; {_did_you_mean(name, THRESHOLDS)}")
        try:
            msgspec.convert({name: value}, Policy)
        except msgspec.ValidationError as error:
            path, what = _located(error)
            raise document.error(("thresholds", *path), f"{what}; the thresholds are in docs/checks.md") from None
    levels = thresholds.get("item_levels") if isinstance(thresholds, dict) else None
    if document.data.get("checklist_packages"):
        return  # their items are known where they are installed: the scanner refuses others when it starts
    for item in levels if isinstance(levels, dict) else ():
        if item not in BY_ID:
            known = frozenset(str(each) for each in BY_ID)
            raise document.error(("thresholds", "item_levels", item), f"no such item; {_did_you_mean(item, known)}")


def _check(document: _Document, config: Config) -> None:
    try:
        pause = config.scan_interval_seconds
    except ScheduleError as error:
        raise document.error(("schedule",), str(error)) from None
    if config.jitter_seconds >= pause:
        what = f"{config.jitter_seconds} s of jitter do not fit into {config.schedule}: write less than {pause}"
        raise document.error(("jitter_seconds",) if "jitter_seconds" in document.data else ("schedule",), what)
    if config.log_retention_days not in LOG_RETENTIONS:
        days = ", ".join(map(str, LOG_RETENTIONS))
        raise document.error(("log_retention_days",), f"CloudWatch keeps logs for one of {days} days")
    _check_addresses(document, config)


def _check_addresses(document: _Document, config: Config) -> None:
    for index, address in enumerate(config.notify):
        if not _EMAIL.fullmatch(address):
            raise document.error(("notify", index), f"{address!r} is not an e-mail address: write name@example.com")
    for index, suffix in enumerate(config.kubernetes_endpoint_suffixes):
        if not _HOST_SUFFIX.fullmatch(suffix):
            what = f"{suffix!r} is not the end of a host name: write it like .eks.example.com"
            raise document.error(("kubernetes_endpoint_suffixes", index), what)
    for index, bucket in enumerate(config.evidence_buckets):
        if not _BUCKET.fullmatch(bucket):
            raise document.error(("evidence_buckets", index), f"{bucket!r} is not the name of a bucket")
    for service, url in config.aws_endpoint_urls.items():
        _check_endpoint(document, service, url)


def _check_endpoint(document: _Document, service: str, url: str) -> None:
    path = ("aws_endpoint_urls", service)
    if not _SERVICE_ID.fullmatch(service):
        raise document.error(path, "write the SDK's service id in lower case, like eks or elastic_load_balancing_v2")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.username or parts.query or parts.fragment or not parts.scheme.startswith("http"):
        raise document.error(
            path, f"{url!r} is not an address: write it like https://vpce-0123.eks.eu-west-1.vpce.amazonaws.com"
        )
    if parts.scheme != "https" and host not in _LOOPBACK:
        raise document.error(path, f"{url!r} is not encrypted: write https:// (http:// only to this machine)")
