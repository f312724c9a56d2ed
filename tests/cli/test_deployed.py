"""Commands on a deployment, run as a user runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import boto3
import msgspec
import pytest
from moto import mock_aws

from eks_readiness import names
from eks_readiness.adapters.memory import MemoryDeadLetters, MemoryScanQueue, SetClock, memory_ledger
from eks_readiness.bootstrap import deployed
from eks_readiness.bootstrap.deployed import Deployment
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.cli.main import run
from eks_readiness.cli.operations import DeadLetterQueue
from eks_readiness.domain.coverage import lose_coverage
from eks_readiness.domain.decision import decide
from eks_readiness.domain.errors import RefusedRequest, Unsupported
from eks_readiness.domain.ledger import ClusterState, ScanRecord
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Level
from eks_readiness.ports import DeadLetter, DeadLetterKind
from tests.contracts.conftest import create_table
from tests.scans import CLUSTER, REGISTRATION, START, request, scorecard, slot, write

ARN = CLUSTER.arn
OTHER = msgspec.structs.replace(CLUSTER, name="stage")
CHECKLIST_FILE = str(Path(__file__).parents[1] / "reports" / "checklist.md")


class There(Deployment):
    """A deployment in memory, and short ways to set its scene."""

    ledger: Any
    queue: MemoryScanQueue
    clock: SetClock

    def scanned(self, number: int, lowest: Level, highest: Level | None = None) -> ClusterState:
        """Let the n-th scan find an interval of levels."""
        if self.ledger.registry.registration(ARN) is None:
            self.ledger.registry.register(REGISTRATION)
        done = write(self.ledger.results.state(ARN), number, lowest, highest)
        assert self.ledger.results.commit(done, at=self.clock.now()) == "written"
        self.clock.at = done.state.observed_at
        return done.state


def _pinned(uri: str) -> str:
    if "missing" in uri:
        raise RefusedRequest("s3:HeadObject: 404: Not Found", code="404")
    return f"{uri}?versionId=v7"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> There:
    """The deployment that every command reaches."""
    letters = {what: MemoryDeadLetters() for what in names.DEAD_LETTERS}
    made = There(
        name="eks-readiness",
        ledger=memory_ledger(),
        queue=MemoryScanQueue(),
        clock=SetClock(START),
        pin=_pinned,
        dead_letters=lambda what: letters[what],
        refuse=lambda cluster: Unsupported("edge is a connected cluster (GKE)") if cluster.name == "edge" else None,
        checklist=CHECKLIST,
    )

    def connect(name: str, **_options: object) -> Deployment:
        assert name == "eks-readiness"
        return made

    monkeypatch.setattr(deployed, "connect", connect)
    return made


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run([*arguments, "--output", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


def test_register_list_and_remove(there: There, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A registered cluster is scanned at once, listed, and taken off again."""
    policy = tmp_path / "policy.json"
    policy.write_text('{"min_zones": 3}')
    assert run(["clusters", "register", ARN, "--policy", str(policy)]) == 0
    assert [(each.cluster_arn, each.trigger) for each in there.queue.requests] == [(ARN, "request")]
    capsys.readouterr()
    (listed,) = _json(capsys, "clusters", "list")
    assert (listed["arn"], listed["policy"]) == (ARN, {"min_zones": 3})
    assert run(["clusters", "list"]) == 0
    assert capsys.readouterr().out == f"{ARN}\n"
    assert run(["clusters", "remove", ARN]) == 0
    capsys.readouterr()
    assert "is not registered" in _refused(capsys, "clusters", "remove", ARN)
    assert _json(capsys, "clusters", "list") == []


def test_a_wrong_threshold_registers_nothing(there: There, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The mistake is named before anything is written or requested."""
    policy = tmp_path / "policy.json"
    policy.write_text(
        '{\n "min_zone": 3,\n "max_pending_minutes": 15,\n "min_zones":\n  -1,\n "item_levels": {"storag": 1}\n}'
    )
    assert run(["clusters", "register", ARN, "--policy", str(policy)]) == 2
    said = capsys.readouterr().err
    for part in (
        f"{policy}: 3 problems",
        "line 2: min_zone: unknown threshold; did you mean min_zones?",
        "line 4: min_zones: Expected `int` >= 0",
        "line 6: item_levels: no item 'storag'",
        "docs/checks.md",
    ):
        assert part in said
    assert "not the ARN of an EKS cluster" in _refused(capsys, "clusters", "register", "prod")
    assert there.ledger.registry.registration(ARN) is None
    assert there.queue.requests == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"min_zones": 3,\n\n "min_zones": 2}', "policy.json: line 3: min_zones: given twice, first on line 1"),
        ('{"min_zones": 3,\n}', "policy.json:2: not JSON"),
        ('{\n "min_zones": 3\n "max_pending_minutes": 1}', "policy.json:3: not JSON: Expecting ',' delimiter"),
        ("\n[]", "policy.json:2: not JSON: not an object"),
        ("", "policy.json:1: not JSON"),
        ('{"min_zones": NaN}', "line 1: min_zones: Expected `int`, got `float`"),
        ('{"exempt_namespaces": ["kube-system", 7]}', "line 1: exempt_namespaces: Expected `str`, got `int`"),
    ],
)
def test_a_file_of_thresholds_is_refused_with_the_line(
    there: There, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, part: str
) -> None:
    """Whatever is wrong in it."""
    policy = tmp_path / "policy.json"
    policy.write_text(text)
    assert part in _refused(capsys, "clusters", "register", ARN, "--policy", str(policy))
    assert there.queue.requests == []


def test_an_empty_file_of_thresholds_is_the_default(there: There, tmp_path: Path) -> None:
    """Nothing is replaced."""
    policy = tmp_path / "policy.json"
    policy.write_text(" {\n} ")
    assert run(["clusters", "register", ARN, "--policy", str(policy)]) == 0
    assert [each.policy for each in there.ledger.registry.registered()] == [{}]


def test_a_cluster_that_eks_does_not_run_is_not_registered(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """A connected cluster is refused with a clear word."""
    edge = msgspec.structs.replace(CLUSTER, name="edge")
    assert "edge is a connected cluster (GKE)" in _refused(capsys, "clusters", "register", edge.arn)
    assert list(there.ledger.registry.registered()) == []


def test_a_region_of_another_partition(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """The ARN of a cluster in China or GovCloud begins otherwise."""
    said = _refused(capsys, "clusters", "register", "arn:aws:eks:cn-north-1:111122223333:cluster/prod")
    assert "write arn:aws-cn:eks:cn-north-1:111122223333:cluster/prod" in said
    assert there.queue.requests == []


def test_rescan(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """Only a registered cluster can be asked for; the slot is in whole seconds."""
    assert "is not registered" in _refused(capsys, "rescan", ARN)
    there.ledger.registry.register(REGISTRATION)
    there.clock.at = START.replace(microsecond=999)
    assert run(["rescan", ARN]) == 0
    assert [each.slot for each in there.queue.requests] == [START]


def test_results_of_the_fleet(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """Every registered cluster, also one that was never scanned."""
    there.scanned(0, 1)
    there.ledger.registry.register(msgspec.structs.replace(REGISTRATION, cluster=OTHER))
    found = _json(capsys, "results")
    assert [(each["cluster"], each["published"]["certainty"], each["published"]["level"]) for each in found] == [
        (ARN, "exact", 1),
        (OTHER.arn, "never_scanned", None),
    ]
    assert run(["results"]) == 0
    shown = capsys.readouterr().out
    assert "not scanned yet" in shown
    assert "stage" in shown


def test_results_of_one_cluster(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """The published level, and the newest scan; an unscanned cluster is a mistake with a remedy."""
    assert "was not scanned yet" in _refused(capsys, "results", ARN)
    there.scanned(0, 2)
    there.scanned(1, 0, 2)
    found = _json(capsys, "results", ARN)
    assert (found["published"]["level"], found["published"]["certainty"]) == (2, "partial")
    assert (found["newest_scan"]["level"], found["newest_scan"]["interval"]) == (0, {"lowest": 0, "highest": 2})
    assert run(["results", ARN]) == 0
    assert "published level: 2 (partial, as of 2026-03-10 12:00 UTC)" in capsys.readouterr().out


def test_a_scan_without_its_details_says_so(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, and in the JSON; what is there is shown, also as a report."""
    there.scanned(0, 2)
    done = write(there.ledger.results.state(ARN), 1, 1)
    assert done.scan is not None
    scan = msgspec.structs.replace(done.scan, detail_missing="NoSuchKey", counts={"unknown": 7})
    assert there.ledger.results.commit(msgspec.structs.replace(done, scan=scan), at=START) == "written"
    for command in (["results", ARN], ["report", "--cluster", ARN]):
        assert run(command) == 0
        said = capsys.readouterr()
        assert said.err == "warning: details of this scan are missing, its level and items are not: NoSuchKey\n"
        assert "certificate-management" in said.out.lower().replace(" ", "-")
    assert _json(capsys, "results", ARN)["detail_missing"] == "NoSuchKey"
    assert run(["history", ARN]) == 0
    assert " 7 " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("scans", "hours_later", "required", "code"),
    [
        ([(2, 2)], 0, 2, 0),
        ([(2, 2)], 0, 3, 1),
        ([(1, 3)], 0, 2, 3),
        ([(2, 2), (0, 2)], 0, 2, 3),
        ([(2, 2)], 3, 2, 3),
        ([(1, 1), (2, 2)], 0, 2, 1),
        ([], 0, 1, 3),
    ],
    ids=["reached", "below", "open", "partial", "stale", "not-risen-yet", "never-scanned"],
)
def test_required_levels(  # each part of a situation
    there: There,
    capsys: pytest.CaptureFixture[str],
    scans: list[tuple[Level, Level]],
    hours_later: int,
    required: int,
    code: int,
) -> None:
    """0 published and still proven, 1 below, 3 whenever nobody knows: of a fleet, and of one cluster."""
    there.ledger.registry.register(REGISTRATION)
    for number, (lowest, highest) in enumerate(scans):
        there.scanned(number, lowest, highest)
    there.clock.advance(timedelta(hours=hours_later))
    assert run(["results", "--require-level", str(required)]) == code
    if scans:
        assert run(["results", ARN, "--require-level", str(required)]) == code
    capsys.readouterr()


def test_a_cluster_below_weighs_more_than_an_unknown_one(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the order of the fleet."""
    there.scanned(0, 1)
    there.ledger.registry.register(
        msgspec.structs.replace(REGISTRATION, cluster=msgspec.structs.replace(OTHER, name="a"))
    )
    assert run(["results", "--require-level", "2"]) == 1
    assert run(["results", "--require-level", "1"]) == 3


def test_history(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """Newest first, as many as asked for."""
    levels: tuple[Level, ...] = (2, 1, 0)
    for number, level in enumerate(levels):
        there.scanned(number, level)
    found = _json(capsys, "history", ARN, "--limit", "2")
    assert [(each["slot"], each["level"]) for each in found] == [
        ("2026-03-10T14:00:00Z", 0),
        ("2026-03-10T13:00:00Z", 1),
    ]
    assert run(["history", ARN]) == 0
    assert "2026-03-10 12:00 UTC" in capsys.readouterr().out
    assert run(["history", OTHER.arn]) == 0
    assert "was not scanned yet" in capsys.readouterr().err


def test_scans_that_found_the_same(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """One line from the first to the newest of them; results are of the newest, and say since when they are so."""
    levels: tuple[Level, ...] = (2, 1, 1, 1)
    for number, level in enumerate(levels):
        there.scanned(number, level)
    assert [
        (each["slot"], each["newest_slot"], each["scans"], each["observed_at"])
        for each in _json(capsys, "history", ARN)
    ] == [
        ("2026-03-10T13:00:00Z", "2026-03-10T15:00:00Z", 3, "2026-03-10T15:00:30Z"),
        ("2026-03-10T12:00:00Z", "2026-03-10T12:00:00Z", 1, "2026-03-10T12:00:30Z"),
    ]
    found = _json(capsys, "results", ARN)
    assert (found["found_since"], found["found_by_scans"]) == ("2026-03-10T13:00:00Z", 3)
    assert found["newest_scan"]["observed_at"] == found["published"]["observed_at"] == "2026-03-10T15:00:30Z"
    assert run(["report", "--cluster", ARN]) == 0
    said = capsys.readouterr()
    assert "observed 2026-03-10 15:00 UTC" in said.out
    assert "3 scans found this, from 2026-03-10 13:00 UTC to 2026-03-10 15:00 UTC" in said.err
    assert run(["history", ARN]) == 0
    assert "2026-03-10 15:00 UTC" in capsys.readouterr().out


def test_a_level_that_nothing_proves_any_more(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """Once the sweeper told it, whatever interval the reader believes in."""
    state = there.scanned(0, 2)
    lost = lose_coverage(state, at=slot(3), interval=timedelta(hours=1), stale_after_intervals=2.5)
    assert lost is not None
    assert there.ledger.results.commit(lost, at=slot(3)) == "written"
    (found,) = _json(capsys, "results", "--interval-hours", "24")
    said = found["published"]
    assert (said["certainty"], said["level"], said["coverage_lost_at"]) == ("stale", 2, "2026-03-10T15:00:00Z")
    assert run(["results", ARN, "--interval-hours", "24"]) == 0
    shown = capsys.readouterr().out
    assert "published level: unknown (was 2), since 2026-03-10 12:00 UTC" in shown
    assert "nothing proves it any more: told 2026-03-10 15:00 UTC" in shown
    assert run(["results", "--interval-hours", "24", "--require-level", "1"]) == 3


def test_a_cluster_with_its_own_patience(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """What is registered about it decides from when on its level is unknown, as the sweeper does it."""
    patient = msgspec.structs.replace(REGISTRATION, policy={"stale_after_intervals": 10})
    there.ledger.registry.register(patient)
    there.scanned(0, 2)
    there.clock.at = slot(5)
    assert _json(capsys, "results")[0]["published"]["certainty"] == "exact"
    assert _json(capsys, "results", ARN)["published"]["certainty"] == "exact"
    there.clock.at = slot(11)
    assert _json(capsys, "results", ARN)["published"]["certainty"] == "stale"


def test_a_level_that_moves_too_often(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the fleet in one word; of a cluster with the moves that nobody was told."""
    levels: tuple[Level, ...] = (2, 1, 0, 2, 2, 1, 0)
    for number, level in enumerate(levels):
        there.scanned(number, level)
    (found,) = _json(capsys, "results")
    assert (found["published"]["unstable"], found["published"]["moves_held"]) == (True, 1)
    assert run(["results"]) == 0
    assert "0 (unstable: 1 move not" in capsys.readouterr().out
    assert run(["results", ARN]) == 0
    assert "moved 2026-03-10 18:00 UTC: from 1 to 0, not told yet" in capsys.readouterr().out


def test_a_cluster_that_was_made_anew(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """Its history tells the two apart; its level starts with the new one."""
    there.ledger.registry.register(REGISTRATION)
    for number, made, level in ((0, START, 3), (1, START, 3), (2, slot(1), 1)):
        card = msgspec.structs.replace(scorecard(level, number=number), cluster_created_at=made)  # type: ignore[arg-type]
        done = decide(there.ledger.results.state(ARN), card, request(number), Policy(), {})
        assert there.ledger.results.commit(done, at=slot(number)) == "written"
    there.clock.at = slot(2)
    assert [each["cluster_created_at"] for each in _json(capsys, "history", ARN)] == [
        "2026-03-10T13:00:00Z",
        "2026-03-10T12:00:00Z",
    ]
    assert run(["history", ARN]) == 0
    shown = capsys.readouterr().out
    assert "Cluster made" in shown
    assert shown.count("2026-03-10 13:00 UTC") == 2
    assert run(["history", ARN, "--limit", "1"]) == 0
    assert "Cluster made" not in capsys.readouterr().out
    assert run(["results", ARN]) == 0
    assert "published level: 1, since 2026-03-10 14:00 UTC" in capsys.readouterr().out


def test_report_of_a_deployed_cluster(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest scan as a document; other inputs beside it are a mistake."""
    there.scanned(0, 2)
    assert run(["report", "--cluster", ARN]) == 0
    assert "prod (eu-west-1, 111122223333), observed 2026-03-10 12:00 UTC" in capsys.readouterr().out
    assert _json_report(capsys)["level"] == 2
    assert "leave out the other inputs" in _refused(capsys, "report", "--cluster", ARN, "--checklist", CHECKLIST_FILE)
    assert "was not scanned yet" in _refused(capsys, "report", "--cluster", OTHER.arn)


def _json_report(capsys: pytest.CaptureFixture[str]) -> Any:
    assert run(["report", "--cluster", ARN, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_stored_scan_of_another_version_can_be_reported(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """It may name checks that this version does not have."""
    there.scanned(0, 0)
    (scan,) = there.ledger.results._scans[ARN].values()
    gone = {"check": "storage.gone", "item": "storage", "required": True, "outcome": "fail", "reason": "x"}
    document = json.loads(msgspec.json.encode(scan))
    document["scorecard"]["findings"] = [gone]
    there.ledger.results._scans[ARN] = {scan.scan_id: msgspec.json.decode(json.dumps(document), type=ScanRecord)}
    assert run(["report", "--cluster", ARN]) == 0
    assert "# EKS production readiness assessment" in capsys.readouterr().out


def test_attest_pins_a_document_that_can_be_looked_at(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """What is attested is the version that is there now; an address that leads nowhere is refused at once."""
    attest = ("attest", "runbooks", "--owner", "sre", "--expires", "90d", "--evidence")
    assert run([*attest, "s3://acme-docs/runbooks.md"]) == 0
    (stated,) = there.ledger.statements.attestations(ARN)
    assert stated.evidence_uri == "s3://acme-docs/runbooks.md?versionId=v7"
    capsys.readouterr()
    assert "s3://acme-docs/missing.md cannot be looked at: s3:HeadObject: 404" in _refused(
        capsys, *attest, "s3://acme-docs/missing.md"
    )


def test_attest(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """Items and checks, for all clusters or a registered one; a slip of the pen is answered with what was meant."""
    expires = ("--owner", "sre", "--expires", "90d")
    assert run(["attest", "runbooks", "cluster-upgrades.procedure", *expires, "--evidence", "https://wiki/x"]) == 0
    stated = there.ledger.statements.attestations(ARN)
    assert {(each.subject, each.cluster, each.holds, each.evidence_uri) for each in stated} == {
        ("runbooks", "*", True, "https://wiki/x"),
        ("cluster-upgrades.procedure", "*", True, "https://wiki/x"),
    }
    assert {each.expires_at for each in stated} == {START + timedelta(days=90)}
    capsys.readouterr()
    assert "did you mean runbooks?" in _refused(capsys, "attest", "runbook", *expires)
    assert "is not registered" in _refused(capsys, "attest", "runbooks", *expires, "--cluster", ARN)
    assert "--owner" in _refused(capsys, "attest", "runbooks", "--owner", " ", "--expires", "90d")
    past = ("--owner", "sre", "--expires", "2020-01-01")
    assert "expire before it is made" in _refused(capsys, "attest", "runbooks", *past)
    assert len(there.ledger.statements.attestations(ARN)) == 2


def test_waive(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """With owner, reason and an end."""
    there.ledger.registry.register(REGISTRATION)
    said = ("--owner", "security", "--reason", "migration", "--expires", "60d")
    assert run(["waive", "storage.customer-managed-key", *said, "--cluster", ARN]) == 0
    (waiver,) = there.ledger.statements.waivers(ARN)
    assert (waiver.check, waiver.reason, waiver.cluster) == ("storage.customer-managed-key", "migration", ARN)
    capsys.readouterr()
    assert "did you mean storage.customer-managed-key?" in _refused(
        capsys, "waive", "storage.customer-manged-key", *said
    )
    assert "not the ARN" in _refused(capsys, "waive", "storage.customer-managed-key", *said, "--cluster", "prod")


def test_every_queue_of_dead_letters_can_be_redriven() -> None:
    """One list for infrastructure, port and command."""
    assert names.DEAD_LETTERS == get_args(DeadLetterKind) == tuple(DeadLetterQueue)
    assert set(names.OUTPUT_DEAD_LETTER_QUEUE_URLS) == set(names.DEAD_LETTERS)


def _dead(there: There, what: DeadLetterKind, *bodies: str, at: datetime = START) -> MemoryDeadLetters:
    """Put letters where a kind of them ends."""
    queue = there.dead_letters(what)
    assert isinstance(queue, MemoryDeadLetters)
    queue.letters.update({f"m{n}": DeadLetter(id=f"m{n}", body=body, sent_at=at) for n, body in enumerate(bodies)})
    return queue


def _tick(hours: float) -> str:
    return json.dumps({"scheduled_time": (START + timedelta(hours=hours)).isoformat()})


@pytest.mark.parametrize("what", names.DEAD_LETTERS)
def test_a_dry_run_shows_dead_letters_and_changes_nothing(
    what: DeadLetterKind, there: There, capsys: pytest.CaptureFixture[str]
) -> None:
    """As text that cannot move the cursor, and not without an end."""
    queue = _dead(there, what, "\x1b[2J\u202e" + "x" * 9000, *(f"letter {number}" for number in range(30)))
    assert run(["redrive", what, "--dry-run"]) == 0
    said = capsys.readouterr()
    first, second, *rest = said.out.splitlines()
    assert first.startswith("2026-03-10 12:00 UTC  m0  [2J xxx")
    assert len(first) < 500
    assert second == "2026-03-10 12:00 UTC  m1  letter 0"
    assert len(rest) == 18
    assert "about 31 letters, 20 shown; nothing was changed" in said.err
    found = _json(capsys, "redrive", what, "--dry-run", "--limit", "1")
    assert (found["count"], [each["id"] for each in found["letters"]]) == (31, ["m0"])
    assert (queue.count(), queue.taken) == (31, set())


@pytest.mark.parametrize("what", names.DEAD_LETTERS)
def test_without_dead_letters_nothing_is_done(
    what: DeadLetterKind, there: There, capsys: pytest.CaptureFixture[str]
) -> None:
    """And that is said."""
    assert run(["redrive", what]) == 0
    assert capsys.readouterr().err == "there are no letters\n"
    assert there.queue.requests == []


def test_scans_go_back_to_their_queue(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is in them: the scanner judges that."""
    queue = _dead(there, "scans", "one", "two", "three")
    assert run(["redrive", "scans", "--limit", "2"]) == 0
    assert capsys.readouterr().err == "back in their queue: 2 letters\n"
    assert (queue.sent_back, queue.count()) == (["one", "two"], 1)


def test_the_newest_tick_asks_for_its_scans(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the schedule and those that the function failed on; what is no tick stays, and is named."""
    there.ledger.registry.register(REGISTRATION)
    wrapped = json.dumps({"version": "1.0", "requestPayload": json.loads(_tick(3)), "responsePayload": {}})
    queue = _dead(there, "ticks", _tick(1), wrapped, "not a tick", "[1]", _tick(2))
    assert run(["redrive", "ticks"]) == 3
    assert [(each.cluster_arn, each.slot) for each in there.queue.requests] == [(ARN, START + timedelta(hours=3))]
    assert list(queue.letters) == ["m2", "m3"]
    assert queue.taken == set()
    assert "letter m2 is not a tick of the schedule" in capsys.readouterr().err


def test_letters_about_events_go_once_all_is_told(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """An event that was written after a letter cannot be the letter's; a held one is told by a digest."""
    there.scanned(0, 1)
    queue = _dead(there, "events", '{"DDBStreamBatchInfo": {}}', at=START + timedelta(hours=1))
    assert run(["redrive", "events"]) == 3
    said = capsys.readouterr().err
    assert "letter m0 is about events of which some are not told yet" in said
    assert f"not told since 2026-03-10 12:00 UTC: {ARN} 0000000001" in said
    assert (queue.count(), queue.taken) == (1, set())
    for row in there.ledger.outbox.rows.values():
        row.message_id = "told"
    there.clock.at = START + timedelta(hours=2)
    there.scanned(2, 0)
    assert run(["redrive", "events"]) == 0
    assert capsys.readouterr().err == "done with: 1 letter\n"
    assert queue.count() == 0


def test_letters_of_sweeps_are_dropped(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    """The next sweep does the same."""
    queue = _dead(there, "sweeps", "{}", "{}")
    assert _json(capsys, "redrive", "sweeps")["dropped"] == 2
    assert queue.count() == 0


def test_import_records_when_asked(there: There, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """All rows or none."""
    wrong = tmp_path / "wrong.md"
    wrong.write_text("| item | status |\n|---|---|\n| runbooks | ✅ |\n| warp drive | ✅ |\n")
    said = ("--owner", "sre", "--expires", "2030-01-01", "--record")
    assert "line 4" in _refused(capsys, "import", str(wrong), *said)
    assert there.ledger.statements.attestations(ARN) == ()
    assert run(["import", CHECKLIST_FILE, *said]) == 0
    assert len(there.ledger.statements.attestations(ARN)) == 41
    there.ledger.registry.register(REGISTRATION)
    assert run(["import", CHECKLIST_FILE, *said, "--cluster", ARN]) == 0
    assert sum(each.cluster == ARN for each in there.ledger.statements.attestations(ARN)) == 41
    capsys.readouterr()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS account with a deployment called `fleet`."""
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        session = boto3.Session(region_name="eu-west-1")
        create_table(session.client("dynamodb"), names.ledger_table("fleet"))
        for queue in (names.scan_queue("fleet"), names.dead_letter_queue("fleet", "sweeps")):
            session.client("sqs").create_queue(QueueName=queue)
        yield


@pytest.mark.usefixtures("account")
def test_a_deployment_is_found_by_its_name(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by an option or the environment; a wrong name or no region is a mistake with a remedy."""
    where = ("--region", "eu-west-1")
    assert run(["clusters", "register", ARN, "--deployment", "fleet", *where]) == 0
    monkeypatch.setenv("EKS_READINESS_DEPLOYMENT", "fleet")
    assert [each["arn"] for each in _json(capsys, "clusters", "list", *where)] == [ARN]
    assert "there is no deployment 'flet' here" in _refused(capsys, "results", "--deployment", "flet", *where)
    assert "name --region or --profile" in _refused(capsys, "results")
    assert "could not be found" in _refused(capsys, "results", *where, "--profile", "nope")


@pytest.mark.usefixtures("account")
def test_queues_of_dead_letters_are_found_by_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    """One that a deployment does not have yet is a mistake with a remedy."""
    where = ("--region", "eu-west-1", "--deployment", "fleet")
    url = boto3.client("sqs", region_name="eu-west-1").get_queue_url(QueueName="fleet-sweeps-dlq")["QueueUrl"]
    boto3.client("sqs", region_name="eu-west-1").send_message(QueueUrl=url, MessageBody="a sweep")
    assert _json(capsys, "redrive", "sweeps", "--dry-run", *where)["letters"][0]["body"] == "a sweep"
    assert _json(capsys, "redrive", "sweeps", *where)["dropped"] == 1
    assert _json(capsys, "redrive", "sweeps", *where)["dropped"] == 0
    assert "queue fleet-events-dlq cannot be reached" in _refused(capsys, "redrive", "events", *where)
