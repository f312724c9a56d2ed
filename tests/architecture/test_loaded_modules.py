"""What a function has loaded once it is warm: nothing that it does not use. Every cold start pays for what is here."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eks_readiness.settings import (
    DispatchSettings,
    RelaySettings,
    ScanSettings,
    Settings,
    SweepSettings,
    WidgetSettings,
)
from tests.doubles.fleet import Fleet

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC).replace(microsecond=0)
_LEDGER: dict[str, Any] = {"ledger_table": "ledger", "deployment": "d"}
_TELLING: dict[str, Any] = {
    **_LEDGER,
    "topic_arn": "arn:aws:sns:eu-west-1:111122223333:t",
    "lease_seconds": 60,
    "dashboard_url": "",
}
_QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/scans"
SETTINGS: dict[str, Settings] = {
    "dispatch": DispatchSettings(**_LEDGER, scan_queue_url=_QUEUE, jitter_seconds=0),
    "relay": RelaySettings(**_TELLING),
    "sweep": SweepSettings(
        **_TELLING, pending_after_seconds=60, digest_after_seconds=600, scan_interval_seconds=3600, policy={}
    ),
    "widget": WidgetSettings(**_LEDGER, scan_interval_seconds=3600, policy={}),
    "scan": ScanSettings(
        **_LEDGER,
        scan_queue_url=_QUEUE,
        policy={},
        kubernetes_endpoint_suffixes=("127.0.0.1",),
        reserve_seconds=5,
        scan_retention_days=30,
        evidence_bucket="evidence",
    ),
}
# What makes a function warm beside its import: what the first event would load.
WARM = {
    "widget": "from eks_readiness.reports.widget import fleet_page; fleet_page((), endpoint='')",
    "scan": """
from datetime import UTC, datetime
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.ledger import Registration
registration = Registration(cluster=ClusterRef.parse(sys.argv[1]), registered_at=datetime.now(UTC))
evidence = handler.scan.scan.evidence_source.collect(registration, seconds=60)
assert len(evidence.unavailable()) < 5, evidence.unavailable()  # it did gather
""",
}
SDK = {"aws_lambda_powertools", "botocore", "dateutil", "jmespath", "msgspec", "six", "typing_extensions", "urllib3"}
# Imported by the Kubernetes client's package when anything of it is: its connection layer uses urllib3 alone.
KUBERNETES = {
    *("annotated_types", "charset_normalizer", "durationpy", "idna", "kubernetes", "oauthlib", "pydantic"),
    *("pydantic_core", "requests", "requests_oauthlib", "typing_inspection", "websocket", "yaml"),
}
PACKAGES = {
    "dispatch": SDK,
    "relay": SDK,
    "sweep": SDK,
    "widget": SDK | {"jinja2", "markupsafe"},
    "scan": SDK | KUBERNETES,
}
IF_THERE = {"certifi", "cython_runtime", "simplejson"}
"""Taken by botocore, YAML and requests where they are installed: not every bundle has them."""
HEAVY = (
    # The typed Kubernetes API, its models, and the asynchronous client.
    *("kubernetes.client.api", "kubernetes.client.models.", "kubernetes.aio", "aiohttp"),
    # What Powertools brings along when asked: data models, tracing with X-Ray's own SDK, idempotency.
    *("aws_xray_sdk", "aws_lambda_powertools.utilities.parser", "aws_lambda_powertools.utilities.idempotency"),
    # What an SDK session needs without boto3, and the command line.
    *("boto3", "s3transfer", "eks_readiness.cli", "typer", "rich"),
    # Evidence about clusters, and the checks: for whoever scans.
    *("eks_readiness.domain.evidence", "eks_readiness.adapters.probes", "eks_readiness.checklist.shipped"),
)
NEEDED = {"scan": {"eks_readiness.domain.evidence", "eks_readiness.adapters.probes", "eks_readiness.checklist.shipped"}}
_SHOW = """
import sys
sys.path[:0] = {path!r}
import functions.{verb}.handler as handler
{warm}
print(*sorted(sys.modules), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """Verb → the modules in a process that started that function, and nothing else."""
    with Fleet(("prod",), now=NOW) as fleet:
        return {verb: _loaded(verb, fleet) for verb in SETTINGS}


def _loaded(verb: str, fleet: Fleet) -> set[str]:
    packages = next(each for each in sys.path if each.endswith("site-packages"))
    code = _SHOW.format(path=[str(ROOT), str(ROOT / "shared"), packages], verb=verb, warm=WARM.get(verb, ""))
    environment = {
        "PATH": os.environ["PATH"],
        "POWERTOOLS_SERVICE_NAME": verb,
        **{name: value for name, value in fleet.environment("eu-west-1").items() if name.startswith("AWS_")},
        **SETTINGS[verb].to_env(),
    }
    # -I and -S: neither the user's packages nor what development tools hook into every start.
    command = [sys.executable, "-I", "-S", "-c", code, fleet.cluster("prod").arn]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("verb", SETTINGS)
def test_a_function_loads_the_packages_that_it_uses(verb: str, loaded: dict[str, set[str]]) -> None:
    """A new one is a decision: it belongs into the list above, with a reason."""
    ours = {"eks_readiness", "functions", *IF_THERE, "__main__"}
    packages = {name.partition(".")[0] for name in loaded[verb]} - set(sys.stdlib_module_names) - ours
    # What the standard library makes at run time (_sysconfigdata…), compiled parts of packages that are listed.
    public = {name for name in packages if not name.startswith("_") and "__mypyc" not in name}
    assert public == PACKAGES[verb]


@pytest.mark.parametrize("verb", SETTINGS)
def test_no_heavy_module_is_loaded(verb: str, loaded: dict[str, set[str]]) -> None:
    """Each of these costs a tenth of a start or more."""
    found = {each for each in HEAVY for name in loaded[verb] if f"{name}.".startswith(f"{each.rstrip('.')}.")}
    if "kubernetes.client.models." in found and not any("client.models." in name for name in loaded[verb]):
        found.remove("kubernetes.client.models.")  # the package alone, which loads its modules when they are asked for
    assert found == NEEDED.get(verb, set())
