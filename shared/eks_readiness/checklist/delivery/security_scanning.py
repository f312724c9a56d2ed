"""Security scanning: infrastructure code and manifests are scanned."""

from __future__ import annotations

from eks_readiness.checklist.check import attested, check
from eks_readiness.domain.evidence import CodeScanning
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

iac = attested(
    "security-scanning.iac",
    required=True,
    within_days=lambda policy: policy.iac_scan_max_age_days,
    module=__name__,
    doc="""Infrastructure code was scanned without a critical finding, attested within `iac_scan_max_age_days` days.

    Manifests and charts count as infrastructure code.
    Why: a wrong setting is cheapest to mend before it is deployed.
    Fix: scan in the pipeline, and let it attest: eks-readiness attest security-scanning.iac --expires 30d
    Source: https://docs.aws.amazon.com/prescriptive-guidance/latest/devsecops-on-aws/welcome.html
    """,
)


@check("security-scanning.code", needs=(CodeScanning,), required=False)
def inspector_scans_code(scanning: CodeScanning, policy: Policy) -> Verdict:
    """Amazon Inspector scans code: repositories, or the code of functions.

    Why: it finds flaws and secrets in code without a pipeline of one's own.
    Fix: aws inspector2 enable --resource-types CODE_REPOSITORY
    Source: https://docs.aws.amazon.com/inspector/latest/user/code-security-assessments.html
    """
    kinds = [
        *(["repositories"] if scanning.code_repositories else []),
        *(["function code"] if scanning.function_code else []),
    ]
    return passed(f"Inspector scans {' and '.join(kinds)}") if kinds else failed("Inspector scans no code")
