"""Checks of an organisation's own: the example of docs/own-checks.md."""

from __future__ import annotations

from eks_readiness.checklist.check import attested, check
from eks_readiness.domain.evidence import Namespaces
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.item import Item, ItemId
from eks_readiness.domain.policy import Policy

ITEMS = (
    Item(
        id=ItemId("acme-tenancy"),
        category="practices",
        title="Tenancy",
        purpose="every team has a namespace of its own",
        priority="medium",
        seed_level=2,
    ),
)


@check("acme-tenancy.default-unused", needs=(Namespaces,), required=True)
def teams_have_namespaces(namespaces: Namespaces, policy: Policy) -> Verdict:
    """There is a namespace beside those that every cluster has.

    Why: what lives in `default` belongs to nobody.
    Fix: kubectl create namespace <team>
    Source: https://wiki.acme.example/tenancy
    """
    own = [each.name for each in namespaces.namespaces if each.name != "default" and not each.name.startswith("kube-")]
    return passed(f"{len(own)} namespaces of teams") if own else failed("no team has a namespace")


contract = attested(
    "acme-tenancy.contract",
    required=False,
    within_days=lambda policy: policy.document_max_age_days,
    module=__name__,
    doc="""Every team signed the tenancy contract.

    Why: they know what the platform promises, and what it does not.
    Fix: sign it, then: eks-readiness attest acme-tenancy.contract
    Source: https://wiki.acme.example/tenancy
    """,
)
