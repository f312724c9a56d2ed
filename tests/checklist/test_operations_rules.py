"""Rules about room to grow, changes, upgrades, restores and the renewal of nodes."""

from __future__ import annotations

from datetime import timedelta
from math import inf
from typing import Any

import msgspec
import pytest

from eks_readiness.checklist.operations.capacity_planning import pods_declare_requests, there_is_room
from eks_readiness.checklist.operations.change_management import changes_are_automated
from eks_readiness.checklist.operations.cluster_upgrades import (
    kubelets_are_within_skew,
    nodes_can_be_drained,
    support_time_is_left,
    version_is_supported,
)
from eks_readiness.checklist.operations.dr_testing import a_restore_was_completed
from eks_readiness.checklist.operations.incident_response import a_tool_calls_somebody
from eks_readiness.checklist.operations.node_room import Growth
from eks_readiness.checklist.operations.node_rotation import (
    images_are_current,
    nodes_are_young,
    something_replaces_nodes,
)
from eks_readiness.domain.evidence import (
    ArgoCd,
    AutoScalingGroups,
    AwsBackup,
    BottlerocketUpdates,
    Capabilities,
    ClusterChanges,
    ClusterVersions,
    DisruptionBudgets,
    Flux,
    IncidentTooling,
    Kasten,
    NodegroupUpdates,
    NodeImages,
    NodePools,
    Pods,
    RegionCapacity,
    Unavailable,
    Velero,
)
from eks_readiness.domain.evidence.backup import RestoreRun
from eks_readiness.domain.evidence.capacity import ComputeQuota, ZoneAddresses
from eks_readiness.domain.evidence.cluster import VersionSupport
from eks_readiness.domain.evidence.delivery import Writer
from eks_readiness.domain.evidence.network import Instance
from eks_readiness.domain.evidence.nodes import NamespaceSample, NodePool, Requested
from eks_readiness.domain.evidence.rotation import AutoScalingGroup, NodegroupUpdate, NodeImage
from eks_readiness.domain.finding import failed, not_applicable, passed
from tests.checklist.observed import (
    DENIED,
    LATE,
    POLICY,
    cluster,
    component,
    components,
    instances,
    node,
    nodes,
    sample,
    seen,
)
from tests.strategies import NOW

SIZE = {"cpu": 4.0, "memory": 8.0, "pods": 10.0}
KARPENTER = component("karpenter", 1)
AUTOSCALER = component("cluster-autoscaler", 1, flags={"--nodes": "1:9:g"})


def pool(**fields: Any) -> NodePool:
    """A ready NodePool of Karpenter."""
    return NodePool(name="p", **{"ready": True, **fields})


def pools(*found: NodePool) -> NodePools:
    """All NodePools of a cluster."""
    return seen(NodePools, installed=True, pools=found)


def groups(*found: AutoScalingGroup) -> AutoScalingGroups:
    """All Auto Scaling groups of a cluster."""
    return seen(AutoScalingGroups, groups=found)


@pytest.mark.parametrize(
    ("one", "added"),
    [
        (pool(), inf),
        (pool(limits={"nvidia.com/gpu": 1.0}), inf),
        (pool(ready=False), 0.0),
        (pool(static_replicas=2), 0.0),
        (pool(limits={"cpu": 40.0}, used={"nodes": 2.0, "cpu": 16.0}), 3.0),
        (pool(limits={"cpu": 40.0}, used={"cpu": 16.0}), 6.0),
        (pool(limits={"memory": 80.0}, used={"nodes": 2.0, "cpu": 16.0}), 10.0),
        (pool(limits={"cpu": 16.0}, used={"nodes": 2.0, "cpu": 24.0}), 0.0),
        (pool(limits={"nodes": 5.0}, used={"nodes": 2.0}), 3.0),
        (pool(limits={"nodes": 5.0, "cpu": 8.0}), 2.0),
    ],
)
def test_a_pool_grows_up_to_its_limits(one: NodePool, added: float) -> None:
    """By nodes of the size that it made so far, or of those that the cluster has."""
    growth = Growth(pools(one), components(KARPENTER), groups(), auto_mode=True)
    assert growth.room(SIZE) == {name: added * amount for name, amount in SIZE.items()}


def test_room_of_pools_and_groups_adds_up() -> None:
    """Of groups that may launch, with an autoscaler that is told which."""
    found = groups(
        AutoScalingGroup(name="a", desired_size=1, max_size=3),
        AutoScalingGroup(name="b", desired_size=3, max_size=1),
        AutoScalingGroup(name="c", desired_size=1, max_size=9, suspended=("Launch",)),
        AutoScalingGroup(name="d", desired_size=1, max_size=2, suspended=("Terminate",)),
    )
    limited = pools(pool(limits={"nodes": 1.0}))

    def cpu(*tools: Any) -> float:
        return Growth(limited, components(*tools), found, auto_mode=True).room(SIZE)["cpu"]

    assert cpu(KARPENTER, AUTOSCALER) == 4 * (1 + 2 + 1)
    assert cpu(AUTOSCALER) == 4 * (2 + 1)
    assert cpu(component("cluster-autoscaler", 1)) == 0
    assert cpu(component("karpenter", 0, 1)) == 0
    assert Growth(limited, DENIED, found, auto_mode=True).room(SIZE)["cpu"] == 0
    assert Growth(DENIED, components(AUTOSCALER), DENIED, auto_mode=True).room(SIZE)["cpu"] == 0


def headroom(
    *everywhere: Any,
    asked: float = 0.0,
    tools: Any = (),
    scaling: Any = None,
    region: Any = None,
    policy: Any = POLICY,
) -> Any:
    """What the check of headroom says, where pods on node a request so much CPU."""
    pods = seen(Pods, requested=(Requested(node="a", cpu_cores=asked),))
    found = tools if isinstance(tools, Unavailable) else components(*tools)
    room = seen(RegionCapacity) if region is None else region
    return there_is_room(cluster(), nodes(*everywhere), pods, pools(), found, scaling or groups(), room, policy)


def sized(name: str, **amounts: float) -> Any:
    """A node with so much for pods."""
    return node(name, allocatable={"cpu": 10.0, "memory": 10.0, "pods": 10.0, **amounts})


ENOUGH = passed("nodes, addresses and quotas have 20 % free or can grow by as much")


def short(*said: str) -> Any:
    """The verdict that names what is short."""
    return failed(f"{len(said)} capacities have less than 20 % free", list(said))


def test_room_on_nodes_is_counted_exactly() -> None:
    """20 % of what the nodes have together, or as much as may be added."""
    assert headroom(sized("a"), asked=8.0) == ENOUGH
    assert headroom(sized("a"), asked=8.01) == short("CPU of nodes: 19 % free")
    assert headroom(sized("a", cpu=100.0), asked=80.1) == short("CPU of nodes: 19 % free")
    one_more = groups(AutoScalingGroup(name="g", desired_size=2, max_size=3))
    two = (sized("a"), sized("b"))
    # Three nodes of ten would have 30, of which 24 may be asked for.
    assert headroom(*two, asked=24.0, tools=(AUTOSCALER,), scaling=one_more) == ENOUGH
    assert headroom(*two, asked=24.1, tools=(AUTOSCALER,), scaling=one_more) == short("CPU of nodes: -21 % free")
    assert headroom(sized("a"), asked=9.0, tools=DENIED) == DENIED
    assert headroom(sized("a"), asked=9.0, tools=(AUTOSCALER,), scaling=DENIED) == DENIED
    everything = msgspec.structs.replace(POLICY, min_capacity_headroom_percent=100)
    said = headroom(sized("a"), policy=everything)
    assert said.offenders == (
        "CPU of nodes: 100 % free",
        "memory of nodes: 100 % free",
        "pod slots of nodes: 100 % free",
    )


def test_shares_that_no_float_holds_are_exact_too() -> None:
    """Exactly 30 % free of nodes and quotas is 30 %: 21 of 30 divided by 0.7 would be a little more than 30."""
    third = msgspec.structs.replace(POLICY, min_capacity_headroom_percent=30)
    room = seen(RegionCapacity, quotas=(quota(limit=30.0, used=21.0),))
    assert headroom(sized("a", cpu=30.0), asked=21.0, region=room, policy=third) == passed(
        "nodes, addresses and quotas have 30 % free or can grow by as much"
    )


def test_nodes_that_do_not_say_what_they_have() -> None:
    """One of several is no harm; all of them leave it open."""
    silent = node("b", allocatable={"cpu": 1.0, "pods": 10.0})
    assert headroom(sized("a"), silent) == ENOUGH
    assert headroom(silent) == Unavailable(reason="unexpected", detail="nodes report no allocatable memory")


def test_without_a_node_something_must_bring_one() -> None:
    """An autoscaler with room, or it fails."""
    room = groups(AutoScalingGroup(name="g", max_size=1))
    assert headroom(tools=(AUTOSCALER,), scaling=room) == ENOUGH
    assert headroom() == short("nodes: none takes pods, and nothing brings one")


def test_addresses_and_quotas_are_counted_exactly() -> None:
    """20 % free is enough, a little less is not."""
    zones = (ZoneAddresses(zone="a", free=199, total=1000), ZoneAddresses(zone="b", free=200, total=1000))
    assert headroom(sized("a"), region=seen(RegionCapacity, addresses=zones)) == short("addresses in a: 19 % free")
    quotas = (quota(used=80.0), quota(name="spot", used=80.9), quota(name="none", limit=0.0, used=0.0))
    assert headroom(sized("a"), region=seen(RegionCapacity, quotas=quotas)) == short(
        "none: 0 % of 0 vCPUs free", "spot: 19 % of 100 vCPUs free"
    )


def quota(**fields: Any) -> ComputeQuota:
    """A quota of 100 vCPUs."""
    return ComputeQuota(**{"service": "ec2", "code": "L-1", "name": "on demand", "limit": 100.0, **fields})


def test_quotas_without_a_figure_leave_it_open() -> None:
    """Each is named; that of Fargate counts where pods run on it."""
    silent = (quota(limit=1.0), quota(name="spot"))
    found = seen(RegionCapacity, quotas=silent, unknown_quotas=("L-9",))
    assert headroom(sized("a"), region=found) == Unavailable(
        reason="unsupported",
        detail="CloudWatch or Service Quotas has no figure for the account's use of on demand, "
        "the account's use of spot, L-9",
        remedy="look at it in the Service Quotas console, then waive the check",
    )
    spent = seen(RegionCapacity, quotas=(quota(service="fargate", name="fargate", used=99.0),))
    assert headroom(sized("a"), region=spent) == ENOUGH
    assert headroom(sized("a"), node("f", "fargate"), region=spent) == short("fargate: 1 % of 100 vCPUs free")


def test_requests_are_counted_exactly() -> None:
    """With all pods wanted, 100 of 101 are too few; those beyond the named ones count."""
    everyone = msgspec.structs.replace(POLICY, min_pods_with_requests_percent=100)
    one = (NamespaceSample(namespace="shop", pods=sample("a")),)
    pods = seen(Pods, live={"shop": 101}, without_requests=one)
    said = failed("100 of 101 pods declare CPU and memory requests", ["shop/a"])
    assert pods_declare_requests(pods, everyone) == said
    many = (NamespaceSample(namespace="shop", pods=sample("a", total=50)),)
    pods = seen(Pods, live={"shop": 101}, without_requests=many)
    said = failed("51 of 101 pods declare CPU and memory requests", ["shop/a"], total=50)
    assert pods_declare_requests(pods, POLICY) == said


def changed(*writers: Writer, days: float = 30) -> Any:
    """What the check of changes says, where events were read for so many days."""
    changes = seen(ClusterChanges, complete_since=NOW - timedelta(days=days), writers=writers)
    nothing = (seen(ArgoCd, installed=False), seen(Flux, installed=False), components(), seen(Capabilities))
    return changes_are_automated(changes, *nothing, POLICY)


def test_changes_are_counted_exactly() -> None:
    """90 of 100, of exactly the last 30 days."""
    machine = Writer(kind="role", name="deploy-pipeline", calls={0: 5, 29: 4, 30: 90})
    person = Writer(kind="user", name="ann", calls={0: 1, 30: 90})
    assert changed(machine, person) == passed("automation made 90 % of 10 changes in 30 days")
    twice = Writer(kind="user", name="ann", calls={0: 2})
    assert changed(machine, twice) == failed("automation made 82 % of 11 changes in 30 days", ["ann: 2"])
    old = Writer(kind="user", name="ann", calls={30: 9})
    assert changed(old) == not_applicable("no call of the EKS API changed the cluster in 30 days")
    assert changed(machine, days=29) == Unavailable(
        reason="unexpected",
        detail="CloudTrail has more events than are read: all only since 2026-05-03",
        remedy="lower change_window_days",
    )


def test_services_are_machines_and_others_are_not() -> None:
    """Whatever they are called."""
    service = Writer(kind="service", name="eks-nodegroup.amazonaws.com", calls={0: 9})
    assert changed(service) == passed("automation made 100 % of 9 changes in 30 days")
    other = Writer(kind="other", name="a-pipeline", calls={0: 1})
    assert changed(other) == failed("automation made 0 % of 1 changes in 30 days", ["a-pipeline: 1"])


def listed(**fields: Any) -> ClusterVersions:
    """What EKS says of version 1.34."""
    return seen(ClusterVersions, versions=(VersionSupport(version="1.34", **fields),))


def test_states_of_versions_as_eks_spells_them() -> None:
    """With dashes or underscores, in whatever case."""
    assert version_is_supported(cluster(), listed(status="standard-support"), POLICY) == passed(
        "version 1.34 is in standard support"
    )
    assert version_is_supported(cluster(), listed(status=""), POLICY) == failed("version 1.34 is in no known support")


def test_support_that_ends_today() -> None:
    """Is not past; and a version that is not listed has none."""
    today = listed(status="STANDARD_SUPPORT", end_of_standard_support_at=NOW + timedelta(hours=5))
    assert support_time_is_left(cluster(), today, POLICY) == failed(
        "standard support of 1.34 ends on 2026-06-01, in 0 days"
    )
    gone = listed(status="EXTENDED_SUPPORT", end_of_standard_support_at=NOW - timedelta(days=3))
    assert support_time_is_left(cluster(), gone, POLICY) == failed(
        "standard support of 1.34 ends on 2026-05-29, past by 3 days"
    )
    assert support_time_is_left(cluster(), seen(ClusterVersions), POLICY) == failed("EKS does not list version 1.34")


@pytest.mark.parametrize(
    ("server", "kubelet", "within"),
    [("1.28", "v1.25.1", True), ("1.28", "v1.24.1", False), ("1.27", "v1.25.1", True), ("1.27", "v1.24.1", False)],
)
def test_the_skew_since_1_28(server: str, kubelet: str, *, within: bool) -> None:
    """Three minor versions, before that two."""
    said = kubelets_are_within_skew(cluster(version=server), nodes(node("a", kubelet_version=kubelet)), POLICY)
    assert said == (
        passed(f"1 kubelets are within the skew of {server}")
        if within
        else failed(f"1 of 1 kubelets are outside the skew of {server}", [f"a ({kubelet})"])
    )


def test_versions_that_cannot_be_read() -> None:
    """Five nodes are named, or the cluster."""
    silent = nodes(*(node(name) for name in "fedcba"))
    assert kubelets_are_within_skew(cluster(), silent, POLICY) == Unavailable(
        reason="unexpected", detail="no version can be read of a, b, c, d, e"
    )
    assert kubelets_are_within_skew(cluster(version=""), nodes(), POLICY) == Unavailable(
        reason="unexpected", detail="no version can be read of the cluster"
    )


def test_budgets_that_block_are_counted() -> None:
    """Beyond those that are named."""
    budgets = seen(DisruptionBudgets, total=40, blocking=sample("shop/a", total=30))
    assert nodes_can_be_drained(budgets, POLICY) == failed(
        "30 of 40 budgets block every eviction", ["shop/a"], total=30
    )


def test_a_restore_counts_to_the_day() -> None:
    """Exactly 90 days; a tool that could not be read may have a newer one."""
    on_time = RestoreRun(name="drill", ended_at=NOW - timedelta(days=90))
    late = RestoreRun(name="drill", ended_at=NOW - timedelta(days=91))

    def said(run: RestoreRun, aws: Any) -> Any:
        return a_restore_was_completed(
            seen(Velero, installed=True, restores=(run,)), aws, seen(Kasten, installed=False), POLICY
        )

    assert said(on_time, DENIED) == passed("Velero: drill was completed on 2026-03-03")
    assert said(late, DENIED) == DENIED
    assert said(late, seen(AwsBackup, restores=LATE)) == LATE
    assert said(late, seen(AwsBackup)) == failed(
        "no restore was completed within 90 days", ["Velero: drill of 2026-03-02: too long ago"]
    )


@pytest.mark.parametrize(("plans", "schedules"), [(1, 0), (0, 1)])
def test_a_plan_or_a_schedule_is_enough(plans: int, schedules: int) -> None:
    """Either calls somebody."""
    tooling = seen(IncidentTooling, response_plans=plans, on_call_schedules=schedules)
    assert a_tool_calls_somebody(tooling, POLICY) == passed(f"{plans} response plans, {schedules} on-call schedules")


def aged(name: str, days: float, **fields: Any) -> Any:
    """A node of that age."""
    return node(name, created_at=NOW - timedelta(days=days), **fields)


def test_ages_of_nodes_are_counted_to_the_day() -> None:
    """30 days are young, more are not; only those are named."""
    assert nodes_are_young(nodes(aged("a", 30)), POLICY) == passed("95 of 100 of 1 nodes are at most 30 days old")
    assert nodes_are_young(nodes(aged("a", 30), aged("b", 40), aged("c", 2)), POLICY) == failed(
        "95 of 100 of 3 nodes are at most 40 days old", ["b (40 days)"]
    )
    assert nodes_are_young(nodes(aged("a", 30), node("b"), node("c")), POLICY) == Unavailable(
        reason="unexpected", detail="2 nodes do not say when they were made"
    )


def image(**fields: Any) -> NodeImage:
    """An image that one instance runs, of the day before yesterday."""
    return NodeImage(**{"id": "ami-1", "instances": 1, "created_at": NOW - timedelta(days=2), **fields})


def current(*found: NodeImage, on: Any = None, running: Any = None, beyond: int = 0) -> Any:
    """What the check of images says."""
    images = seen(NodeImages, images=found, beyond=beyond)
    return images_are_current(images, running or instances(), on or nodes(), POLICY)


def test_ages_of_images_are_counted_to_the_day() -> None:
    """45 days old, or behind, are in time."""
    late = "1 images are more than 45 days behind"
    assert current(image(created_at=NOW - timedelta(days=45))) == passed("1 images are current")
    assert current(image(created_at=NOW - timedelta(days=46))) == failed(
        late, ["ami-1 (gone, 1 instances): a custom image, 46 days old"]
    )
    series = {"family": "al2023", "name": "node", "newest_id": "ami-9", "newest_created_at": NOW}
    assert current(
        image(created_at=NOW - timedelta(days=90), **{**series, "newest_created_at": NOW - timedelta(45)})
    ) == (passed("1 images are current"))
    assert current(image(created_at=NOW - timedelta(days=46), **series)) == failed(
        late, ["ami-1 (node, 1 instances): 46 days behind ami-9"]
    )


def test_images_that_are_not_known() -> None:
    """More than were looked at, instances without the tag, or nodes that could not be read."""
    assert current(image(), beyond=3) == Unavailable(reason="unsupported", detail="3 more images were not looked at")
    strange = nodes(aged("n", 1, instance_id="i-strange"))
    assert current(image(), on=strange) == Unavailable(
        reason="unexpected",
        detail="1 nodes run on instances without the cluster's tag, like n",
        remedy="tag them: kubernetes.io/cluster/<cluster> = owned",
    )
    assert current(on=DENIED) == DENIED
    assert current(running=instances(Instance(id="i-1", auto_mode=True))) == passed("EKS Auto Mode picks the images")
    assert current().outcome == "not_applicable"


NO_OPERATOR = seen(BottlerocketUpdates)
OPERATOR = component("bottlerocket-update-operator", 1)


def renewed(
    everywhere: Any,
    made_by: Any = None,
    updates: Any = None,
    scaling: Any = None,
    in_place: Any = NO_OPERATOR,
    tools: Any = (),
) -> Any:
    """What the check of renewal says."""
    found = tools if isinstance(tools, Unavailable) else components(*tools)
    return something_replaces_nodes(
        everywhere, made_by or pools(), updates or seen(NodegroupUpdates), scaling or groups(), in_place, found, POLICY
    )


RENEWED = passed("something renews the nodes of all 1 node groups, NodePools and nodes outside of both")


def not_renewed(said: str, of: int = 1) -> Any:
    """The verdict that names one that nothing renews."""
    return failed(f"nothing renews the nodes of 1 of {of} node groups, NodePools and nodes", [said])


@pytest.mark.parametrize(
    ("one", "problem"),
    [(pool(expire_after="Never"), "expireAfter is Never"), (pool(), "Karpenter is not available")],
)
def test_the_update_operator_makes_up_for_a_pool(one: NodePool, problem: str) -> None:
    """Where it knows every node of that pool, and runs."""
    here = nodes(node("a", node_pool="p"), node("b", "auto", node_pool="q"))
    known = seen(BottlerocketUpdates, installed=True, nodes=("a",))
    assert renewed(here, pools(one), in_place=known, tools=(OPERATOR,)) == RENEWED
    others = seen(BottlerocketUpdates, installed=True, nodes=("b",))
    assert renewed(here, pools(one), in_place=others, tools=(OPERATOR,)) == not_renewed(f"NodePool p: {problem}")
    assert renewed(here, pools(one), in_place=known) == not_renewed(f"NodePool p: {problem}")
    assert renewed(here, pools(one), in_place=DENIED) == DENIED
    assert renewed(DENIED, pools(one), in_place=known, tools=(OPERATOR,)) == DENIED


def test_the_update_operator_makes_up_for_a_node() -> None:
    """Of no group and no pool."""
    here = nodes(node("a", instance_id="i-1"))
    problem = not_renewed("a: in no node group, and nothing limits its life")
    known = seen(BottlerocketUpdates, installed=True, nodes=("a",))
    assert renewed(here, in_place=known, tools=(OPERATOR,)) == RENEWED
    assert renewed(here, in_place=known) == problem
    assert renewed(here, in_place=known, tools=DENIED) == DENIED
    assert renewed(here) == problem


def test_updates_of_groups_count_to_the_day() -> None:
    """45 days; and a pool beside the group is judged as well."""
    on_time = NodegroupUpdate(nodegroup="g", updated_at=NOW - timedelta(days=45))
    late = NodegroupUpdate(nodegroup="g", updated_at=NOW - timedelta(days=46))
    said = "no version update succeeded within 45 days (the last was on 2026-04-16)"
    assert renewed(nodes(), updates=seen(NodegroupUpdates, updates=(on_time,))) == RENEWED
    assert renewed(nodes(), pools(pool()), seen(NodegroupUpdates, updates=(late,)), tools=(KARPENTER,)) == not_renewed(
        f"node group g: {said}", of=2
    )
    for pieces in (
        (DENIED, pools(), seen(NodegroupUpdates, updates=(on_time,))),
        (nodes(), DENIED, seen(NodegroupUpdates, updates=(on_time,))),
        (nodes(), pools(), DENIED),
    ):
        assert renewed(*pieces) == DENIED
