"""Commands that need no deployment, run as a user runs them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.items import ITEMS
from eks_readiness.checklist.shipped import ATTESTED_ITEMS, CHECKLIST
from eks_readiness.cli.main import run
from eks_readiness.domain.evidence import encode_evidence
from eks_readiness.domain.policy import Policy
from tests.doubles.memory import gather
from tests.doubles.scenario import load_scenario
from tests.reports.test_checklist_document import DOCUMENT, LEVEL_1, LEVEL_2, LEVEL_3

ROOT = Path(__file__).parents[2]
STATED = [check for check in CHECKLIST if check.rule is None]
"""Checks that a statement answers; without one they fail."""
CHECKLIST_FILE = str(ROOT / "tests" / "reports" / "checklist.md")


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(arguments) == 0
    return json.loads(capsys.readouterr().out)


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that is refused: one line on standard error, exit code 2, nothing on standard output."""
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


def test_import_and_evaluate_a_checklist(capsys: pytest.CaptureFixture[str]) -> None:
    """The document's own ticks give its level, and what is missing for each."""
    found = _json(capsys, "evaluate", "--checklist", CHECKLIST_FILE, "--output", "json")
    assert found["level"] == 0
    assert found["missing_for"] == {"1": LEVEL_1, "2": LEVEL_2, "3": LEVEL_3}
    assert len(found["not_covered"]) == 6
    stated = _json(capsys, "import", CHECKLIST_FILE, "--owner", "sre", "--expires", "2030-01-01")
    assert len(stated) == 41
    first = stated[0]
    assert (first["subject"], first["owner"], first["expires_at"]) == ("vpc-networking", "sre", "2030-01-01T00:00:00Z")
    assert first["note"] == "imported from checklist.md, line 7"


def test_imported_attestations_answer_what_no_probe_sees(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Evidence and statements together: prod reaches level 3 once everything else is attested."""
    evidence = tmp_path / "prod.json"
    evidence.write_bytes(encode_evidence(gather(load_scenario("prod"))))
    document = tmp_path / "all.md"
    document.write_text(
        DOCUMENT.replace("⬜", "✅").replace(
            "| **service mesh**           | mtls       | low      | ✅", "| **service mesh** | mtls | low | ⬜"
        )
    )
    statements = tmp_path / "statements.json"
    issued = ("--issued", "2026-03-01", "--expires", "2026-09-01")
    assert run(["import", str(document), "--owner", "sre", *issued]) == 0
    stated = json.loads(capsys.readouterr().out)
    practices = [item for item in ("secrets-encryption", "infrastructure-pipeline") if item in ATTESTED_ITEMS]
    others = [{**stated[0], "subject": subject} for subject in (*practices, *(check.id for check in STATED))]
    statements.write_text(json.dumps([*stated, *others]))
    found = _json(capsys, "evaluate", str(evidence), "--attestations", str(statements), "-o", "json")
    assert (found["level"], found["interval"]) == (3, {"lowest": 3, "highest": 3})
    # What the document denies, and a probe sees working, is there.
    assert "service-mesh" not in found["missing_for"]["3"]
    alone = _json(capsys, "evaluate", str(evidence), "-o", "json")
    assert (alone["level"], alone["interval"]["highest"]) == (0, 0)
    unstated = {check.item for check in STATED if check.required}
    assert alone["missing_for"]["1"] == [item.id for item in ITEMS if item.seed_level == 1 and item.id in unstated]


def test_required_levels_set_the_exit_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """0 reached, 1 not reached, 3 when unknowns keep it open."""
    assert run(["evaluate", "--checklist", CHECKLIST_FILE, "--require-level", "1"]) == 1
    done = tmp_path / "done.md"
    done.write_text(DOCUMENT.replace("⬜", "✅"))
    assert run(["evaluate", "--checklist", str(done), "--require-level", "3"]) == 0
    evidence = tmp_path / "locked.json"
    evidence.write_bytes(encode_evidence(gather(load_scenario("locked"))))
    statement = {"owner": "sre", "issued_at": "2026-03-01T00:00:00Z", "expires_at": "2026-09-01T00:00:00Z"}
    statements = tmp_path / "statements.json"
    subjects = [*(check.id for check in STATED), *ATTESTED_ITEMS]
    statements.write_text(json.dumps([{**statement, "subject": subject} for subject in subjects]))
    assert run(["evaluate", str(evidence), "--attestations", str(statements), "--require-level", "1"]) == 3
    capsys.readouterr()


def test_a_table_shows_what_fails_and_why(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Level, what is in the way, and each failing check with its offenders; hostile names are shown as text."""
    evidence = tmp_path / "bare.json"
    base = load_scenario("bare")
    label = {
        "metadata": {"name": "[red]evil[/red]"},
        "apiVersion": "v1",
        "kind": "Namespace",
        "status": {"phase": "Active"},
    }
    evidence.write_bytes(encode_evidence(gather(base.changed({"kubernetes": [{"add": [label]}]}))))
    assert run(["evaluate", str(evidence)]) == 0
    shown = capsys.readouterr().out
    assert "bare (eu-west-1, 111122223333): level 0, not ready for production" in shown
    assert "cluster-configuration.private-endpoint" in shown
    assert "private access is off" in shown
    assert "[red]evil[/red]" in shown
    assert "storage.volumes-encrypted" not in shown


def test_the_same_evidence_gives_the_same_bytes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A laptop and a function judge alike: nothing of the machine or the hour is in the result."""
    gathered = gather(load_scenario("prod"))
    evidence = tmp_path / "prod.json"
    evidence.write_bytes(encode_evidence(gathered))
    outputs = set()
    for _ in range(2):
        assert run(["evaluate", str(evidence), "-o", "json"]) == 0
        outputs.add(capsys.readouterr().out)
    assert len(outputs) == 1
    direct = evaluate(gathered, CHECKLIST, policy=Policy())
    assert json.loads(outputs.pop())["ruleset"] == direct.ruleset


def test_checks_lists_every_declared_check(capsys: pytest.CaptureFixture[str]) -> None:
    """Id, item, required, level and source of each."""
    found = _json(capsys, "checks", "--output", "json")
    assert [each["id"] for each in found] == [check.id for check in CHECKLIST]
    assert all({"id", "item", "required", "level", "source"} <= set(each) for each in found)
    assert all(each["source"].startswith("https://") for each in found)
    volumes = next(each for each in found if each["id"] == "storage.volumes-encrypted")
    assert (volumes["item"], volumes["required"], volumes["level"]) == ("storage", True, 1)


def test_docs_are_those_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/checks.md is made by `checks --output markdown`; make it anew when this fails."""
    assert run(["checks", "--output", "markdown"]) == 0
    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == capsys.readouterr().out


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    """Statement, reason, fix and source of one check."""
    assert run(["explain", "storage.volumes-encrypted"]) == 0
    shown = capsys.readouterr().out
    for part in ("Every bound EBS volume is encrypted", "Not applicable when:", "Why:", "Fix:", "Source: https://"):
        assert part in shown
    assert "Read with: ec2:DescribeVolumes, " in shown
    assert "list persistentvolumes" in shown
    assert "did you mean storage.volumes-encrypted?" in _refused(capsys, "explain", "storage.volume-encrypted")


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    """A document of the checklist's own shape."""
    assert run(["report", "--checklist", CHECKLIST_FILE, "--format", "markdown"]) == 0
    assert "| **Backup & restore** |" in capsys.readouterr().out


def test_bad_input_is_one_line_with_the_fix(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What, where, and how to mend it."""
    broken = tmp_path / "broken.json"
    broken.write_text('{"schema": 1, "cluster": {}}')
    assert "not an evidence document" in _refused(capsys, "evaluate", str(broken))
    assert "No such file" in _refused(capsys, "evaluate", str(tmp_path / "none.json"))
    broken.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in _refused(capsys, "evaluate", "--checklist", str(broken))
    assert "name either evidence or --checklist" in _refused(capsys, "evaluate")
    policy = tmp_path / "policy.json"
    policy.write_text('{"min_zone": 3}')
    said = _refused(capsys, "evaluate", "--checklist", CHECKLIST_FILE, "--policy", str(policy))
    assert "line 1: min_zone: unknown threshold; did you mean min_zones?" in said
    expired = ("import", CHECKLIST_FILE, "--owner", "sre", "--expires", "2020-01-01")
    assert "name a later date" in _refused(capsys, *expired)
    assert "is no date" in _refused(capsys, "import", CHECKLIST_FILE, "--owner", "sre", "--expires", "soon")


def test_a_wrong_document_imports_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The line is named, and standard output stays empty."""
    wrong = tmp_path / "wrong.md"
    wrong.write_text(DOCUMENT.replace("**storage**", "**warp drive**"))
    said = _refused(capsys, "import", str(wrong), "--owner", "sre", "--expires", "90d")
    assert "line 11: no item is called 'warp drive'" in said


def test_every_wrong_line_of_a_file_is_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One line that says what happened, and one for each place: all of them at once."""
    wrong = tmp_path / "wrong.md"
    wrong.write_text(re.sub(r"\*\*(?=\w[\w &-]*\*\* )", "**quux ", DOCUMENT))
    assert run(["import", str(wrong), "--owner", "sre", "--expires", "90d"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    first, *others = said.err.splitlines()
    assert first.startswith(f"error: {wrong}: 41 problems (nothing was imported;")
    assert len(others) == 41
    assert all(re.match(r"  line \d+: no item is called 'quux ", each) for each in others)


def test_every_wrong_statement_of_a_file_is_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An unknown subject, an end before its beginning, a field that is none, a cluster that is none."""
    evidence = tmp_path / "prod.json"
    evidence.write_bytes(encode_evidence(gather(load_scenario("prod"))))
    sound = {
        "subject": "runbooks",
        "owner": "sre",
        "issued_at": "2026-03-01T00:00:00Z",
        "expires_at": "2026-09-01T00:00:00Z",
    }
    entries = [
        sound,
        {**sound, "subject": "runbook"},
        {**sound, "expires_at": "2026-02-01T00:00:00Z"},
        {**sound, "expires": "soon"},
        {**sound, "cluster": "prod"},
        "text",
    ]
    statements = tmp_path / "statements.json"
    statements.write_text(json.dumps(entries))
    assert run(["evaluate", str(evidence), "--attestations", str(statements), "-o", "json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    first, *others = said.err.splitlines()
    assert "5 problems (nothing was read; correct what is named)" in first
    parts = ("did you mean runbooks?", "expires on 2026-02-01", "unknown field `expires`", "not the ARN", "`object`")
    assert len(others) == len(parts)
    assert all(
        each.startswith(f"  entry {number}: ") and part in each
        for number, (each, part) in enumerate(zip(others, parts, strict=True), start=2)
    )
    waivers = tmp_path / "waivers.json"
    waivers.write_text(json.dumps([{**sound, "check": "storage.nope", "reason": "x"}]))
    assert "entry 1" in _refused(capsys, "evaluate", str(evidence), "--waivers", str(waivers))


def test_a_waiver_of_a_file_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It stands beside the verdict, and lets the item be satisfied."""
    evidence = tmp_path / "prod.json"
    evidence.write_bytes(encode_evidence(gather(load_scenario("prod"))))
    waiver = {
        "check": "cluster-upgrades.procedure",
        "owner": "sre",
        "reason": "written next week",
        "issued_at": "2026-03-01T00:00:00Z",
        "expires_at": "2026-04-01T00:00:00Z",
    }
    waivers = tmp_path / "waivers.json"
    waivers.write_text(json.dumps([waiver]))
    found = _json(capsys, "evaluate", str(evidence), "--waivers", str(waivers), "-o", "json")
    assert "cluster-upgrades" not in found["missing_for"]["1"]
    (waived,) = (each for each in found["findings"] if "waiver" in each)
    assert (waived["check"], waived["outcome"]) == ("cluster-upgrades.procedure", "fail")


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--owner", " ", "--expires", "90d"), "--owner"),
        (("--owner", "x" * 201, "--expires", "90d"), "--owner"),
        (("--owner", "a\x1b[31m", "--expires", "90d"), "--owner"),
        (("--owner", "sre", "--expires", "99999999999d"), "is no date"),
        (("--owner", "sre", "--expires", "²d"), "is no date"),
        (("--owner", "sre", "--expires", "90d", "--issued", "yesterday"), "--issued: 'yesterday' is no date"),
        (("--owner", "sre", "--expires", "90d", "--cluster", "prod"), "not the ARN of an EKS cluster"),
    ],
)
def test_options_that_cannot_be_used(capsys: pytest.CaptureFixture[str], options: tuple[str, ...], part: str) -> None:
    """Refused before anything is printed."""
    said = _refused(capsys, "import", CHECKLIST_FILE, *options)
    assert part in said
    assert said.rstrip("\n").isprintable()


def test_import_as_a_table_and_in_the_past(capsys: pytest.CaptureFixture[str]) -> None:
    """People may look first; who imports what has expired is told so."""
    past = ("--issued", "2019-01-01", "--expires", "2020-01-01")
    assert run(["import", CHECKLIST_FILE, "--owner", "[red]sre[/red]", *past, "-o", "table"]) == 0
    said = capsys.readouterr()
    assert "[red]sre[/red]" in said.out
    assert "warning: they have expired already" in said.err


def test_a_checklist_is_judged_by_its_own_ticks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Statements beside it would be left out in silence, so they are refused."""
    statements = tmp_path / "statements.json"
    statements.write_text("[]")
    said = _refused(capsys, "evaluate", "--checklist", CHECKLIST_FILE, "--attestations", str(statements))
    assert "by its own ticks alone" in said


def test_a_name_with_control_characters_is_shown_without(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Evidence is a file that anybody may have written."""
    evidence = tmp_path / "evil.json"
    document = json.loads(encode_evidence(gather(load_scenario("prod"))))
    document["cluster"]["name"] = "\x1b[31mprod\x07\n| x"
    evidence.write_text(json.dumps(document))
    for command in ("evaluate", "report"):
        assert run([command, str(evidence)]) == 0
        assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))


def test_a_defect_is_one_line_unless_it_is_looked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 4, and a traceback only on demand."""

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("x\ny")

    monkeypatch.setattr("eks_readiness.cli.offline.catalogue", broken)
    assert run(["checks"]) == 4
    said = capsys.readouterr().err
    assert said.startswith("error: ZeroDivisionError: x y (a defect")
    assert said.count("\n") == 1
    monkeypatch.setenv("EKS_READINESS_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(["checks"])


def test_commands_without_a_deployment_load_no_sdk() -> None:
    """They start at once."""
    program = (
        "import sys; from eks_readiness.cli.main import run; "
        f"run(['evaluate', '--checklist', {CHECKLIST_FILE!r}]); "
        "print([each for each in ('boto3', 'botocore', 'kubernetes', 'urllib3') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_usage_errors_exit_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command or option."""
    assert run(["evaluat"]) == 2
    assert run(["evaluate", "--checklist"]) == 2
    assert "No such command" in capsys.readouterr().err
