"""Infrastructure CI/CD pipeline: the cluster's infrastructure is deployed by a machine."""

from __future__ import annotations

from datetime import timedelta

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.gitops import A, C, F, H, tools
from eks_readiness.checklist.pipelines import judge, more_registered
from eks_readiness.domain.evidence import ArgoCd, Capabilities, Components, Flux, Pipelines, Unavailable
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy


@check(
    "infrastructure-pipeline.pipeline",
    needs=(
        if_available(Pipelines),
        if_available(ArgoCd),
        if_available(Flux),
        if_available(Components),
        if_available(Capabilities),
    ),
    required=True,
    or_attested=lambda policy: policy.max_pipeline_run_age_days,
)
def infrastructure_is_deployed_by_a_machine(  # noqa: PLR0913 - one for each piece of evidence
    pipelines: Pipelines | Unavailable, argocd: A, flux: F, components: C, capabilities: H, policy: Policy
) -> Verdict | Unavailable:
    """A pipeline or GitOps tool deploys the cluster's infrastructure, green within `max_pipeline_run_age_days` days.

    Pipelines of CodePipeline and projects of CodeBuild count that carry the tag `eks-readiness:cluster` with the
    cluster's name or ARN, by their newest run that ended. Argo CD and Flux count when their controllers work (in the
    cluster, or as an EKS capability) and an Application, Kustomization or HelmRelease for this cluster delivers
    cluster-scoped objects or objects of AWS, in good order. A Namespace alone is none.
    Why: a cluster that only its maker can make again is lost with its maker.
    Fix: tag the pipeline: eks-readiness:cluster=<name>; from any other CI: eks-readiness attest
    infrastructure-pipeline.pipeline --expires 30d
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/introduction.html
    """
    within = timedelta(days=policy.max_pipeline_run_age_days)
    found = tools(argocd, flux, components, capabilities)
    for tool in found.working:
        if (best := tool.infrastructure(within)) is not None:
            return passed(f"{tool.name} delivers it: {best.name} is in order")
    if isinstance(pipelines, Unavailable):
        return pipelines
    judged = [each for each in judge(pipelines, within) if each.pipeline.kind != "report group"]
    if green := next((each for each in judged if each.green), None):
        return passed(green.said)
    unread = next((each.unread for each in judged if each.unread), None) or more_registered(pipelines)
    return (
        unread
        or found.unread
        or failed(
            "no registered pipeline and no GitOps tool deploys the cluster's infrastructure"
            if not judged
            else "no registered pipeline was green",
            [*(each.said for each in judged), *found.said(within)],
        )
    )
