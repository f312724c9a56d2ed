"""DR testing: a backup was brought back."""

from __future__ import annotations

from datetime import timedelta

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import AwsBackup, Kasten, Unavailable, Velero
from eks_readiness.domain.evidence.backup import RestoreRun
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy


@check(
    "dr-testing.restore",
    needs=(if_available(Velero), if_available(AwsBackup), if_available(Kasten)),
    required=True,
    or_attested=lambda policy: policy.max_restore_test_age_days,
)
def a_restore_was_completed(
    velero: Velero | Unavailable, aws: AwsBackup | Unavailable, kasten: Kasten | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """A restore was completed within `max_restore_test_age_days` days, or a drill is attested.

    A Velero Restore or Kasten RestoreAction into this cluster counts, and an AWS Backup restore job of one of this
    cluster's recovery points, wherever it went. One that failed in part, restored nothing, or failed its validation
    does not. Restores of its backups elsewhere by Velero or Kasten are not seen here: attest them.
    Why: a backup is worth what comes back from it, and the first try is never the one that works.
    Fix: velero restore create --from-backup <backup> --namespace-mappings <namespace>:drill; or restore a recovery
    point with AWS Backup; or: eks-readiness attest dr-testing.restore
    Source: https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-eks.html
    """
    found = {"Velero": velero, "AWS Backup": aws, "Kasten": kasten}
    within = timedelta(days=policy.max_restore_test_age_days)
    said = []
    for tool, solution in found.items():
        for each in _runs(solution):
            fresh = not isinstance(solution, Unavailable) and solution.observed_at - each.ended_at <= within
            if fresh and not each.problem:
                return passed(f"{tool}: {each.name} was completed on {each.ended_at:%Y-%m-%d}")
            said.append(f"{tool}: {each.name} of {each.ended_at:%Y-%m-%d}: {each.problem or 'too long ago'}")
    parts = (each if isinstance(each, Unavailable) else each.restores for each in found.values())
    return first_unavailable(*parts) or failed(
        f"no restore was completed within {policy.max_restore_test_age_days:g} days", said
    )


def _runs(solution: Velero | AwsBackup | Kasten | Unavailable) -> tuple[RestoreRun, ...]:
    restores = solution if isinstance(solution, Unavailable) else solution.restores
    return () if isinstance(restores, Unavailable) else restores
