"""The configuration file: the shipped one, and every mistake said with file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eks_readiness.domain.policy import THRESHOLDS
from infra.config import DEFAULT_FILE, LOG_RETENTIONS, MAX_FILE_CHARACTERS, Config, ConfigError, read_config

ROOT = Path(__file__).parents[2]


def read(directory: Path, text: str | bytes) -> Config:
    """Read a configuration of this text."""
    file = directory / "fleet.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(file)


def test_the_shipped_file_says_the_defaults() -> None:
    """Every key stands in it with its default, so that it can be read instead of a manual."""
    assert read_config(ROOT / DEFAULT_FILE) == Config()
    assert set(yaml.safe_load((ROOT / DEFAULT_FILE).read_text())) == set(Config.__struct_fields__)


@pytest.mark.parametrize("text", ["", "# nothing but words\n", "---\n"])
def test_an_empty_file_is_the_defaults(text: str, tmp_path: Path) -> None:
    """Every key may be left out."""
    assert read(tmp_path, text) == Config()


def test_every_key_is_read(tmp_path: Path) -> None:
    """A whole configuration; Python's version is not a number."""
    config = read(
        tmp_path,
        """
name: payments
schedule: cron(0 6 ? * MON-FRI *)
jitter_seconds: 0
notify: [ops@example.com]
thresholds: {max_backup_age_hours: 30, stale_after_intervals: 2}
scan_timeout_seconds: 300
scan_memory_mb: 2048
scan_concurrency: 50
scan_retention_days: 30
log_retention_days: 14
retain: false
python: 3.11
architecture: x86_64
kubernetes_endpoint_suffixes: [.eks.example.com, 127.0.0.1]
aws_endpoint_urls: {eks: "https://vpce-1.eks.eu-west-1.vpce.amazonaws.com", kms: "http://127.0.0.1:4566"}
""",
    )
    assert config == Config(
        name="payments",
        schedule="cron(0 6 ? * MON-FRI *)",
        jitter_seconds=0,
        notify=("ops@example.com",),
        thresholds={"max_backup_age_hours": 30, "stale_after_intervals": 2},
        scan_timeout_seconds=300,
        scan_memory_mb=2048,
        scan_concurrency=50,
        scan_retention_days=30,
        log_retention_days=14,
        retain=False,
        python="3.11",
        architecture="x86_64",
        kubernetes_endpoint_suffixes=(".eks.example.com", "127.0.0.1"),
        aws_endpoint_urls={"eks": "https://vpce-1.eks.eu-west-1.vpce.amazonaws.com", "kms": "http://127.0.0.1:4566"},
    )
    assert config.scan_interval_seconds == 3 * 24 * 3600
    assert config.stale_after_seconds == 2 * 3 * 24 * 3600


MISTAKES = {
    "not a mapping": ("- name\n", "1: not a mapping: write lines like `schedule: rate(1 hour)`"),
    "a word": ("\n\nfleet\n", "3: not a mapping"),
    "an unknown key that is near": ("name: a\n\nschedul: rate(1 hour)\n", "3: schedul: unknown key; did you mean `sch"),
    "an unknown key": ("x: 1\n", "1: x: unknown key; known: architecture, aws_endpoint_urls, "),
    "a key given twice": ("name: a\nretain: true\nname: b\n", "3: name: given twice, first on line 1"),
    "a key that is a list": ("name: a\n? [x, y]\n: 1\n", "2: a key must be a plain word"),
    "an alias": ("name: &n a\nschedule: *n\n", "2: aliases (*name) are not supported"),
    "no YAML": ("name: a\nnotify: [ops@example.com\nretain: true\n", "3: not YAML: "),
    "a tab": ("thresholds:\n\tmin_zones: 2\n", "2: not YAML: "),
    "a control character": ("name: a\x00b\n", "1: not YAML: "),
    "nested without end": ("[" * 5000 + "]" * 5000, "1: nested too deeply"),
    "not a text": ("name: 5\n", "1: name: Expected `str`, got `int`"),
    "a name for no stack": ("retain: true\nname: my_fleet\n", "2: name: Expected `str` matching regex"),
    "a name that is too long": (f"name: {'a' * 41}\n", "1: name: Expected `str` matching regex"),
    "not a truth": ("retain: perhaps\n", "1: retain: Expected `bool`, got `str`"),
    "no number": ("scan_concurrency: many\n", "1: scan_concurrency: Expected `int`, got `str`"),
    "too few at once": ("scan_concurrency: 1\n", "1: scan_concurrency: Expected `int` >= 2"),
    "too little time": ("scan_timeout_seconds: 10\n", "1: scan_timeout_seconds: Expected `int` >= 30"),
    "too much time": ("scan_timeout_seconds: 901\n", "1: scan_timeout_seconds: Expected `int` <= 900"),
    "too little memory": ("scan_memory_mb: 128\n", "1: scan_memory_mb: Expected `int` >= 256"),
    "no retention": ("scan_retention_days: 0\n", "1: scan_retention_days: Expected `int` >= 1"),
    "an old Python": ("python: 3.10\n", "1: python: Invalid enum value '3.10'"),
    "another processor": ("architecture: riscv\n", "1: architecture: Invalid enum value 'riscv'"),
    "days that CloudWatch has not": ("name: a\nlog_retention_days: 100\n", "2: log_retention_days: CloudWatch keeps"),
    "no schedule": ("schedule: hourly\n", "1: schedule: 'hourly' is not a schedule: write it like rate(1 hour)"),
    "a schedule of one time": ("schedule: at(2026-01-01T00:00:00)\n", "1: schedule: 'at(2026"),
    "an unknown threshold": (
        "thresholds:\n  min_zones: 3\n  max_backup_age_hour: 3\n",
        "3: thresholds.max_backup_age_hour: unknown threshold; did you mean `max_backup_age_hours`?",
    ),
    "a threshold out of range": (
        "thresholds:\n  min_zones: 3\n  max_backup_age_hours: 0\n",
        "3: thresholds.max_backup_age_hours: Expected `float` > 0.0; the thresholds are in docs/checks.md",
    ),
    "a threshold's element": (
        "thresholds:\n  accepted_os:\n    - al2023\n    - 7\n",
        "4: thresholds.accepted_os.1: Expected `str`, got `int`",
    ),
    "a level for no item": (
        "thresholds:\n  item_levels:\n    storage: 2\n    storrage: 1\n",
        "4: thresholds.item_levels.storrage: no such item; did you mean `storage`?",
    ),
    "no package": (
        "checklist_packages:\n  - acme\n",
        "2: checklist_packages.0: acme is neither a wheel nor a directory with a pyproject.toml",
    ),
    "thresholds that are a list": ("thresholds: [1]\n", "1: thresholds: Expected `object`, got `array`"),
    "no list": ("notify: ops@example.com\n", "1: notify: Expected `array`, got `str`"),
    "an element that is no text": ("notify:\n  - ops@example.com\n  - 5\n", "3: notify.1: Expected `str`, got `int`"),
    "no address": ("notify:\n  - ops@example.com\n  - ops\n", "3: notify.1: 'ops' is not an e-mail address"),
    "an address with a second line": ('notify: ["ops@example.com\\nx"]\n', "1: notify.0: 'ops@example.com\\nx' is not"),
    "no suffix": (
        "kubernetes_endpoint_suffixes:\n  - https://example.com\n",
        "2: kubernetes_endpoint_suffixes.0: 'https://example.com' is not the end of a host name",
    ),
    "no bucket": ("evidence_buckets: [s3://docs]\n", "1: evidence_buckets.0: 's3://docs' is not the name of a bucket"),
    "no service": ('aws_endpoint_urls:\n  E-K-S: "https://a.example"\n', "2: aws_endpoint_urls.E-K-S: write the SDK's"),
    "no URL": ("aws_endpoint_urls:\n  eks: a.example\n", "2: aws_endpoint_urls.eks: 'a.example' is not an address"),
    "a port that is none": ('aws_endpoint_urls: {eks: "https://a.example:x"}\n', "1: aws_endpoint_urls.eks: 'https"),
    "half an IPv6 address": ('aws_endpoint_urls: {eks: "https://[::1"}\n', "1: aws_endpoint_urls.eks: 'https"),
    "a password": ('aws_endpoint_urls: {eks: "https://u:p@a.example"}\n', "1: aws_endpoint_urls.eks: 'https"),
    "no encryption": (
        'aws_endpoint_urls: {eks: "http://a.example"}\n',
        "1: aws_endpoint_urls.eks: 'http://a.example' is",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_names_its_file_and_line(mistake: str, tmp_path: Path) -> None:
    """One line: where, what, and mostly how to write it."""
    text, said = MISTAKES[mistake]
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    assert str(error.value).startswith(f"fleet.yaml:{said}")
    assert "\n" not in str(error.value)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """With the place in the file."""
    with pytest.raises(ConfigError, match=r"fleet\.yaml: not UTF-8 text \(byte 6\)"):
        read(tmp_path, b"name: \xff\n")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    """Before anything in it is looked at."""
    with pytest.raises(ConfigError, match=r"are more than 65536: is this the right file\?"):
        read(tmp_path, "#" * (MAX_FILE_CHARACTERS + 1))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And how to name another."""
    with pytest.raises(ConfigError, match=r"missing\.yaml: cannot be read: .*: name another with -c config=FILE"):
        read_config(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schedule: rate(10 minutes)\njitter_seconds: 600\n", r":2: jitter_seconds: 600 s of jitter do not fit into"),
        ("name: a\nschedule: rate(5 minutes)\n", r":2: schedule: 300 s of jitter .* write less than 300$"),
    ],
)
def test_jitter_must_fit_between_two_ticks(text: str, said: str, tmp_path: Path) -> None:
    """Where the jitter is the default, the schedule's line is named."""
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, text)


def test_every_retention_of_logs_is_one_that_cloudwatch_has() -> None:
    """In rising order, as the message lists them."""
    assert list(LOG_RETENTIONS) == sorted(LOG_RETENTIONS)
    assert Config().log_retention_days in LOG_RETENTIONS


@given(text=st.text(max_size=200) | st.sampled_from(sorted(THRESHOLDS)).map("thresholds: {{{}: x}}".format))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_gets_past_but_as_a_configuration(text: str, tmp_path: Path) -> None:
    """Whatever stands in the file: a configuration, or one line that says why not."""
    try:
        assert isinstance(read(tmp_path, text.encode("utf-8", "surrogatepass")), Config)
    except ConfigError as error:
        assert re.match(r"\S*fleet\.yaml:", str(error))  # noqa: PT017 - either outcome is right


def test_packages_are_found_beside_the_file(tmp_path: Path) -> None:
    """Whatever directory the deployment is started from; levels of their items are theirs to know."""
    package = tmp_path / "acme"
    package.mkdir()
    (package / "pyproject.toml").write_text("[project]\n")
    file = tmp_path / "eks-readiness.yaml"
    file.write_text("checklist_packages: [acme]\nthresholds: {item_levels: {acme-tenancy: 2}}\n")
    assert read_config(file).checklist_packages == (str(package),)
