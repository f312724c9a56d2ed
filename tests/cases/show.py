"""Shows what a case sees: `python -m tests.cases.show tests/cases/<item>/<case>.yaml`."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.evidence import encode_evidence
from tests.cases.case import read_case


def main(path: str) -> None:
    """Print the evidence that the case's check looks at, and its finding."""
    case = read_case(Path(path).resolve())
    evidence, scorecard = case.run()
    check = next(each for each in CHECKLIST if each.id == case.check)
    document = msgspec.json.decode(encode_evidence(evidence))
    wanted = {kind.__name__ for kind in check.kinds}
    shown = {name: entry for name, entry in document["slices"].items() if name in wanted}
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(shown), indent=1).decode() + "\n")
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(case.finding(scorecard)), indent=1).decode() + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
