"""Scans a cluster as the deployed function does, from its bundle: scan.py BUNDLE CLUSTER_ARN."""

from __future__ import annotations

import json
import os
import sys

sys.path.insert(0, sys.argv[1])

from datetime import UTC, datetime

from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.ledger import Registration
from eks_readiness.domain.policy import Policy
from functions.scan import handler

scan, at = handler.scan.scan, datetime.now(UTC)
registration = Registration(cluster=ClusterRef.parse(sys.argv[2]), registered_at=at)
evidence = scan.evidence_source.collect(registration, seconds=240)
card = evaluate(evidence, scan.checklist, policy=Policy(), at=at)
said = {
    "unavailable": sorted(kind.__name__ for kind in evidence.unavailable()),
    "findings": len(card.findings),
    "offenders": sum(each.offenders_total for each in card.findings),
}
print(json.dumps(said), flush=True)
# As in Lambda: an environment is kept or stopped, never taken to pieces, object by object.
os._exit(0)
