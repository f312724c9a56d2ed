"""Infrastructure testing: a pipeline tested the cluster's infrastructure, lately."""

from __future__ import annotations

from datetime import timedelta

from eks_readiness.checklist.check import check
from eks_readiness.checklist.pipelines import judge, more_registered
from eks_readiness.domain.evidence import Pipelines, Unavailable
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy


@check(
    "infrastructure-testing.recent",
    needs=(Pipelines,),
    required=True,
    or_attested=lambda policy: policy.max_pipeline_run_age_days,
)
def a_pipeline_was_green(pipelines: Pipelines, policy: Policy) -> Verdict | Unavailable:
    """A pipeline registered for the cluster was green within `max_pipeline_run_age_days` days.

    Registered are pipelines of CodePipeline, projects of CodeBuild and CodeBuild report groups in the cluster's account
    and region that carry the tag `eks-readiness:cluster` with the cluster's name or ARN (several, separated by spaces).
    The newest run that ended counts. Where report groups are registered, they are the tests: every one must be green,
    and one that is not is not attested away.
    Why: what is not tested before it is deployed is tested on the users.
    Fix: aws resourcegroupstaggingapi tag-resources --resource-arn-list <pipeline> --tags eks-readiness:cluster=<name>;
    from any other CI: eks-readiness attest infrastructure-testing.recent --expires 30d
    Source: https://docs.aws.amazon.com/codebuild/latest/userguide/test-reporting.html
    """
    within = timedelta(days=policy.max_pipeline_run_age_days)
    found = judge(pipelines, within)
    reports = [each for each in found if each.pipeline.kind == "report group"]
    if not reports:
        green = next((each for each in found if each.green), None)
        if green is not None:
            return passed(green.said)
    elif red := [each.said for each in reports if not each.green and each.unread is None]:
        return failed(f"{len(red)} of {len(reports)} report groups are not green: {red[0]}", red, final=True)
    if unread := next((each.unread for each in reports or found if each.unread), None):
        return unread
    if reports and not pipelines.beyond_cap:
        return passed(f"{len(reports)} report groups are green: {reports[0].said}")
    said = "no registered pipeline was green" if found else "no pipeline is registered for the cluster"
    return more_registered(pipelines) or failed(said, [each.said for each in found])
