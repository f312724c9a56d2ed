"""Ways into the cluster and their certificates, as values: which are served, who sees them, who renews what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from eks_readiness.checklist.extensions import certificates, ingress_control
from eks_readiness.checklist.extensions.certificates import Healthy, TlsEndpoints
from eks_readiness.checklist.extensions.entrances import (
    SOME_CONTROLLER,
    PublicHosts,
    Served,
    classes_in_use,
    ending_tls_inside,
    first_unread,
    public_hosts,
)
from eks_readiness.domain.evidence import (
    Addons,
    CertManager,
    ClusterConfiguration,
    Components,
    Entrances,
    LoadBalancers,
    Pods,
    ServingCertificates,
    TargetGroupBindings,
    TargetGroups,
    Unavailable,
)
from eks_readiness.domain.evidence.certificates import CertificateSummary, ManagedCertificate, ServingCertificate
from eks_readiness.domain.evidence.cluster import Addon, HealthIssue
from eks_readiness.domain.evidence.ingress import (
    ClassUse,
    GatewayClass,
    GatewaySummary,
    Host,
    Hosts,
    IngressClass,
    IngressSummary,
    Listener,
    LoadBalancer,
    ServiceSummary,
    TargetGroup,
    TlsSecret,
)
from eks_readiness.domain.evidence.nodes import Component, ComponentName
from eks_readiness.domain.evidence.slice import Sample
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
DENIED = Unavailable(reason="denied", detail="no right", remedy="grant it")
LATE = Unavailable(reason="throttled", detail="slow")
NONE = Entrances(observed_at=NOW, source="test")
ALB = "ingress.k8s.aws/alb"


def _entrances(**parts: object) -> Entrances:
    return msgspec.structs.replace(NONE, **parts)


def _ingresses(*uses: ClassUse, **parts: object) -> IngressSummary:
    return msgspec.structs.replace(IngressSummary(total=len(uses), uses=uses), **parts)


def _gateways(*uses: ClassUse, **parts: object) -> GatewaySummary:
    return msgspec.structs.replace(GatewaySummary(total=len(uses), uses=uses), **parts)


def _component(component: ComponentName, *, desired: int = 2, ready: int = 2, name: str = "") -> Component:
    return Component(
        component=component, kind="Deployment", namespace="system", name=name or component, desired=desired, ready=ready
    )


def _components(*components: Component) -> Components:
    return Components(observed_at=NOW, source="test", components=components)


CLASSES = (
    IngressClass(name="alb", controller=ALB),
    IngressClass(name="web", controller="k8s.io/ingress-nginx", default=True),
)
LATTICE = "application-networking.k8s.aws/gateway-api-controller"


@pytest.mark.parametrize(
    ("use", "classes", "expected"),
    [
        (ClassUse(name="alb", total=1), CLASSES, Served("IngressClass alb", ALB)),
        (ClassUse(name="alb", total=1), DENIED, Served("IngressClass alb", unread=DENIED)),
        (ClassUse(name="", total=3), CLASSES, Served("3 Ingresses without a class", "k8s.io/ingress-nginx")),
        (ClassUse(name="", total=3), DENIED, Served("3 Ingresses without a class", unread=DENIED)),
        (
            ClassUse(name="", total=3, with_address=2),
            CLASSES[:1],
            Served("3 Ingresses without a class", problem="there is no default class"),
        ),
        (
            ClassUse(name="", total=3, with_address=3),
            CLASSES[:1],
            Served("3 Ingresses without a class", SOME_CONTROLLER),
        ),
        (ClassUse(name="x", total=1), CLASSES, Served("IngressClass x", problem="there is no such class")),
        (
            ClassUse(name="x", total=1, with_address=1),
            CLASSES,
            Served("IngressClass x", problem="there is no such class"),
        ),
        (
            ClassUse(name="kong", legacy=True, total=1),
            CLASSES,
            Served("IngressClass kong", "ingress-controllers.konghq.com/kong"),
        ),
        (ClassUse(name="x", legacy=True, total=1), CLASSES, Served("IngressClass x")),
    ],
)
def test_the_class_of_an_ingress(
    use: ClassUse, classes: tuple[IngressClass, ...] | Unavailable, expected: Served
) -> None:
    """Its own, the default one, one of old, or any that gave it an address."""
    assert classes_in_use(_entrances(ingresses=_ingresses(use), ingress_classes=classes)) == [expected]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (DENIED, Served("GatewayClass gw", unread=DENIED)),
        ((GatewayClass(name="other", controller="x"),), Served("GatewayClass gw", problem="there is no such class")),
        (
            (GatewayClass(name="other", controller="x", accepted=True), GatewayClass(name="gw", controller=LATTICE)),
            Served("GatewayClass gw", LATTICE, problem="no controller has accepted it"),
        ),
        ((GatewayClass(name="gw", controller=LATTICE, accepted=True),), Served("GatewayClass gw", LATTICE)),
    ],
)
def test_the_class_of_a_gateway(classes: tuple[GatewayClass, ...] | Unavailable, expected: Served) -> None:
    """It must be there and accepted."""
    use = ClassUse(name="gw", total=1)
    assert classes_in_use(_entrances(gateways=_gateways(use), gateway_classes=classes)) == [expected]


def test_what_could_not_be_read_first() -> None:
    """Ingresses before Gateways; either is enough."""
    assert first_unread(NONE) is None
    assert first_unread(_entrances(ingresses=_ingresses(unread=DENIED))) == DENIED
    assert first_unread(_entrances(gateways=_gateways(unread=LATE))) == LATE
    both = _entrances(ingresses=_ingresses(unread=DENIED), gateways=_gateways(unread=LATE))
    assert first_unread(both) == DENIED


def test_who_ends_tls_in_the_cluster() -> None:
    """Not a load balancer of AWS, and not what serves no TLS; an unread class may be either."""
    alb, web = ClassUse(name="alb", total=1, with_tls=1), ClassUse(name="web", total=2, with_tls=2)
    plain, gateway = ClassUse(name="", total=1), ClassUse(name="gw", total=1, with_tls=1)
    entrances = _entrances(
        ingresses=_ingresses(alb, plain, web),
        ingress_classes=CLASSES,
        gateways=_gateways(gateway),
        gateway_classes=DENIED,
    )
    assert ending_tls_inside(entrances) == ([web], DENIED)
    unread = msgspec.structs.replace(entrances, ingresses=_ingresses(web, unread=LATE))
    assert ending_tls_inside(unread) == ([web], LATE)


INTERNAL = "internal-shop-1.eu-west-1.elb.amazonaws.com"
FACING = "shop-1.eu-west-1.elb.amazonaws.com"
NETWORK = "net.elb.eu-west-1.amazonaws.com"
BALANCERS = LoadBalancers(
    observed_at=NOW,
    source="test",
    load_balancers=(
        LoadBalancer(arn="a", name="a", type="network", scheme="internet-facing", dns_name=NETWORK),
        LoadBalancer(arn="b", name="b", type="network", scheme="internal", dns_name="inner." + NETWORK),
    ),
)
NOT_KNOWN = Unavailable(
    reason="unsupported",
    detail="whether dualstack.other.example can be reached from the internet is not known",
    remedy="tag its load balancer with elbv2.k8s.aws/cluster",
)


@pytest.mark.parametrize(
    ("addresses", "seen"),
    [
        ((FACING,), True),
        ((FACING.upper(),), True),
        (("dualstack." + FACING,), True),
        ((INTERNAL,), False),
        (("dualstack." + INTERNAL,), False),
        (("8.8.8.8",), True),
        (("10.0.0.1",), False),
        ((NETWORK,), True),
        (("DualStack." + NETWORK,), True),
        (("inner." + NETWORK,), False),
        ((INTERNAL, FACING), True),
        (("dualstack.other.example", "10.0.0.1"), NOT_KNOWN),
        (("dualstack.other.example", "8.8.8.8"), True),
    ],
)
def test_whom_a_host_is_shown(addresses: tuple[str, ...], seen: bool | Unavailable) -> None:
    """By the names and addresses that its status tells; one public way is enough."""
    host = Host(name="shop.example", at="Ingress shop/web", addresses=addresses, internet_facing=seen is False)
    asked = msgspec.structs.replace(host, name="asked.example", requested=True)
    found = public_hosts(_entrances(ingresses=_ingresses(hosts=Hosts(total=2, hosts=(host, asked)))), BALANCERS)
    if seen is True:
        assert found == PublicHosts([host, asked], [], [], [], None)
    elif seen is False:
        assert found == PublicHosts([], [asked], [], [host], None)
    else:
        assert found == PublicHosts([], [], [asked], [], seen)
    assert found.public == [
        each for each in (host, asked) if each not in found.internal and each.requested | (seen is True)
    ]


def test_hosts_without_an_address_or_beyond_what_is_kept() -> None:
    """Annotations tell of the first; of the others nothing is said but that they are there."""
    facing = Host(name="a.example", at="Ingress a/a", internet_facing=True)
    inner = Host(name="b.example", at="Ingress b/b")
    hosts = Hosts(total=7, hosts=(facing, inner))
    services = ServiceSummary(hosts=Hosts(total=2))
    found = public_hosts(_entrances(ingresses=_ingresses(hosts=hosts), services=services), DENIED)
    more = Unavailable(reason="unsupported", detail="the cluster has 7 hosts more than are looked at")
    assert found == PublicHosts([facing], [], [], [inner], more)
    unread = msgspec.structs.replace(services, unread=LATE)
    assert public_hosts(_entrances(ingresses=_ingresses(hosts=hosts), services=unread), DENIED).unread == LATE
    named = Host(name="c.example", at="Ingress c/c", addresses=(NETWORK,))
    (of_network,) = [public_hosts(_entrances(ingresses=_ingresses(hosts=Hosts(total=1, hosts=(named,)))), DENIED)]
    assert of_network == PublicHosts([], [], [], [], DENIED)
    two = (named, msgspec.structs.replace(named, addresses=("dualstack.other.example",)))
    entrances = _entrances(ingresses=_ingresses(hosts=Hosts(total=2, hosts=two[::-1])))
    assert public_hosts(entrances, BALANCERS) == PublicHosts([named], [], [], [], NOT_KNOWN)


AUTO = ClusterConfiguration(
    observed_at=NOW,
    source="test",
    arn="arn",
    version="1.34",
    status="ACTIVE",
    created_at=NOW,
    endpoint_public_access=False,
    endpoint_private_access=True,
    auto_mode_load_balancing=True,
)
WEB = _ingresses(ClassUse(name="web", total=1))


def _served(
    entrances: Entrances, *components: Component, cluster: ClusterConfiguration | Unavailable = AUTO
) -> Verdict | Unavailable:
    return ingress_control.every_class_in_use_is_served(entrances, _components(*components), cluster, Policy())


def test_the_controller_of_every_class_must_run() -> None:
    """One that is scaled to nothing, has no ready pod, or is not known."""
    entrances = _entrances(ingresses=WEB, ingress_classes=CLASSES)
    bad = "1 of 1 classes in use are not served"
    nginx = _component("ingress-nginx")
    assert _served(entrances, nginx) == passed("every class in use is served: IngressClass web")
    for components in ((), (msgspec.structs.replace(nginx, desired=0, ready=0),)):
        why = "IngressClass web: ingress-nginx is not installed, or scaled to nothing"
        assert _served(entrances, *components) == failed(bad, [why])
    down = [_component("ingress-nginx", ready=0, name=name) for name in ("a", "b")]
    where = "; ".join(f"{each.where} has 0 of 2 pods ready" for each in down)
    assert _served(entrances, *down, nginx) == failed(bad, [f"IngressClass web: {where}"])
    legacy = _entrances(ingresses=_ingresses(ClassUse(name="x", legacy=True, total=1)), ingress_classes=CLASSES)
    assert _served(legacy, nginx) == Unavailable(
        reason="unsupported",
        detail="IngressClass x: the controller without a name is not one that is known here",
        remedy="waive the check once somebody looked",
    )
    assert _served(_entrances(ingresses=WEB, ingress_classes=DENIED), nginx) == DENIED
    assert _served(_entrances(ingresses=_ingresses(unread=LATE)), nginx) == LATE
    assert _served(NONE) == not_applicable("the cluster has no Ingress and no Gateway")


def test_ingresses_without_any_class_need_some_controller() -> None:
    """Any that is known here and has a ready pod."""
    entrances = _entrances(ingresses=_ingresses(ClassUse(name="", total=1, with_address=1)))
    said = "1 Ingresses without a class"
    assert _served(entrances, _component("traefik")) == passed(f"every class in use is served: {said}")
    none = failed(
        "1 of 1 classes in use are not served", [f"{said}: no controller runs, and there is no default class"]
    )
    for components in ((), (_component("coredns"),), (_component("traefik", ready=0), _component("coredns"))):
        assert _served(entrances, *components) == none


def test_auto_mode_serves_its_own_classes() -> None:
    """While its load balancing is on."""
    classes = (IngressClass(name="web", controller="eks.amazonaws.com/alb"),)
    gateways = _gateways(ClassUse(name="gw", total=1))
    entrances = _entrances(
        ingresses=WEB,
        ingress_classes=classes,
        gateways=gateways,
        gateway_classes=(GatewayClass(name="gw", controller=LATTICE, accepted=True),),
    )
    lattice = _component("vpc-lattice-controller")
    both = passed("every class in use is served: IngressClass web, GatewayClass gw")
    assert _served(entrances, lattice) == both
    assert _served(entrances, lattice, cluster=DENIED) == DENIED
    off = msgspec.structs.replace(AUTO, auto_mode_load_balancing=False)
    why = ["IngressClass web: EKS Auto Mode's load balancing is off"]
    assert _served(entrances, lattice, cluster=off) == failed("1 of 2 classes in use are not served", why)


def test_entrances_without_an_address() -> None:
    """All are counted, some are named; a kind that could not be read may have more."""
    sample = Sample(total=30, names=("Ingress a/a",))
    check = ingress_control.every_entrance_has_an_address
    entrances = _entrances(
        ingresses=_ingresses(without_address=sample),
        gateways=_gateways(not_programmed=Sample(total=1, names=("Gateway b/b",))),
        services=ServiceSummary(without_address=Sample(total=2, names=("Service c/c", "Service d/d"))),
    )
    names = ["Ingress a/a", "Gateway b/b", "Service c/c", "Service d/d"]
    assert check(entrances, Policy()) == failed("33 cannot be reached", names, total=33)
    for part in (
        {"ingresses": _ingresses(unread=LATE)},
        {"gateways": _gateways(unread=LATE)},
        {"services": ServiceSummary(unread=LATE)},
    ):
        assert check(_entrances(**part), Policy()) == LATE
    assert check(_entrances(gateways=GatewaySummary(total=2), services=ServiceSummary(total=3)), Policy()) == passed(
        "all 5 have an address"
    )


def test_images_of_the_retired_controller() -> None:
    """Wherever they were copied to, with whatever tag and digest; three namespaces are named."""
    images = [
        {"image": "registry.k8s.io:443/ingress-nginx/controller:v1.12@sha256:1", "namespaces": ["a", "b", "c", "d"]},
        {"image": "bitnami/nginx-ingress-controller", "namespaces": ["e"]},
        {"image": "ingress-nginx/controller:1", "namespaces": ["f"]},
        {"image": "nginx/nginx-ingress:3", "namespaces": ["g"]},
        {"image": "host:5000/other@sha256:ingress-nginx/controller", "namespaces": ["h"]},
    ]
    pods = msgspec.convert({"observed_at": NOW, "source": "test", "images": images}, Pods)
    expected = [
        "registry.k8s.io:443/ingress-nginx/controller:v1.12@sha256:1 in a, b, c",
        "bitnami/nginx-ingress-controller in e",
        "ingress-nginx/controller:1 in f",
    ]
    assert ingress_control.no_retired_controller_runs(pods, Policy()) == failed(
        "pods run the retired ingress-nginx", expected
    )


def test_target_groups_without_a_healthy_target() -> None:
    """Those that were not looked at may be such."""
    check = ingress_control.every_target_group_has_a_healthy_target
    groups = TargetGroups(observed_at=NOW, source="test", groups=(TargetGroup(name="a", healthy=1, targets=2),))
    bindings = TargetGroupBindings(observed_at=NOW, source="test")
    assert check(groups, bindings, Policy()) == passed("each of 1 target groups has a healthy target")
    more = Unavailable(reason="unsupported", detail="only 1 target groups were looked at, all with a healthy target")
    for beyond in ((1, 0), (0, 1), (2, 2)):
        partly = msgspec.structs.replace(groups, beyond=beyond[0])
        assert check(partly, msgspec.structs.replace(bindings, beyond=beyond[1]), Policy()) == more
    assert check(groups, DENIED, Policy()) == DENIED
    unread = msgspec.structs.replace(groups, groups=(*groups.groups, TargetGroup(name="b", unread=LATE)))
    assert check(unread, bindings, Policy()) == LATE
    sick = msgspec.structs.replace(groups, groups=(*unread.groups, TargetGroup(name="c", targets=3)))
    assert check(sick, DENIED, Policy()) == failed(
        "1 of 3 target groups have no healthy target", ["c: 0 of 3 targets healthy"]
    )


def _addons(status: str = "ACTIVE", *issues: HealthIssue) -> Addons:
    addon = Addon(name="cert-manager", version="v1", status=status, health_issues=issues)
    return Addons(observed_at=NOW, source="test", addons=(addon,))


NO_ADDONS = Addons(observed_at=NOW, source="test")
MANAGER, WEBHOOK = _component("cert-manager"), _component("cert-manager-webhook")


@pytest.mark.parametrize(
    ("components", "addons", "expected"),
    [
        (_components(MANAGER, WEBHOOK), NO_ADDONS, Healthy("cert-manager is healthy")),
        (_components(MANAGER, WEBHOOK), DENIED, DENIED),
        (_components(), DENIED, certificates.NOT_THERE),
        (_components(MANAGER), NO_ADDONS, "cert-manager is down: cert-manager-webhook is missing"),
        (
            _components(_component("cert-manager-cainjector")),
            NO_ADDONS,
            "cert-manager is down: cert-manager is missing; cert-manager-webhook is missing",
        ),
        (DENIED, NO_ADDONS, DENIED),
        (DENIED, LATE, DENIED),
        (DENIED, _addons(), Healthy("add-on cert-manager is ACTIVE; the cluster itself could not be read")),
        (_components(MANAGER, WEBHOOK), _addons("DEGRADED"), "add-on cert-manager is DEGRADED"),
        (_components(MANAGER, WEBHOOK), _addons(""), "add-on cert-manager is in an unknown state"),
        (
            _components(MANAGER, WEBHOOK),
            _addons("ACTIVE", HealthIssue(code="ConfigurationConflict", message="x")),
            "add-on cert-manager is ACTIVE",
        ),
    ],
)
def test_how_cert_manager_is(
    components: Components | Unavailable, addons: Addons | Unavailable, expected: Healthy | str | Unavailable
) -> None:
    """The add-on's word counts where it is one; what runs counts otherwise."""
    assert certificates.cert_manager_state(components, addons) == expected


def _serving(*served: ServingCertificate, beyond: int = 0) -> ServingCertificates:
    return ServingCertificates(observed_at=NOW, source="test", certificates=served, beyond=beyond)


def _certificate(**parts: object) -> ServingCertificate:
    made = ServingCertificate(
        arn="arn:1", store="acm", domain="shop.example", type="AMAZON_ISSUED", status="ISSUED", used_by="alb shop"
    )
    return msgspec.structs.replace(made, **parts)


NO_MANAGER = CertManager(observed_at=NOW, source="test", installed=False)
NO_BALANCERS = LoadBalancers(observed_at=NOW, source="test")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, ""),
        ({"type": "PRIVATE", "renewal_status": "SUCCESS"}, ""),
        ({"renewal_status": "FAILED"}, "shop.example (alb shop): its renewal is FAILED"),
        ({"type": "IMPORTED"}, "shop.example (alb shop): imported, nothing renews it"),
        ({"type": "NEW", "domain": ""}, "arn:1 (alb shop): of unknown type NEW"),
        ({"store": "iam"}, "shop.example (alb shop): uploaded to IAM, nothing renews it"),
    ],
)
def test_what_acm_renews(changes: dict[str, object], problem: str) -> None:
    """One that it issued, unless the renewal itself is in trouble."""
    found = certificates.tls_endpoints(NO_MANAGER, NONE, NO_BALANCERS, _serving(_certificate(**changes)))
    assert found == TlsEndpoints(1, [problem] if problem else [], None)


def test_what_is_not_known_of_tls_endpoints() -> None:
    """The first that could not be read, of load balancers, entrances and cert-manager; what is known counts."""
    nothing = _serving()
    tls = certificates.tls_endpoints
    assert tls(NO_MANAGER, NONE, NO_BALANCERS, LATE) == TlsEndpoints(0, [], LATE)
    assert tls(NO_MANAGER, NONE, DENIED, LATE) == TlsEndpoints(0, [], DENIED)
    assert tls(NO_MANAGER, DENIED, NO_BALANCERS, nothing) == TlsEndpoints(0, [], DENIED)
    assert tls(NO_MANAGER, DENIED, NO_BALANCERS, LATE) == TlsEndpoints(0, [], LATE)
    assert tls(DENIED, NONE, NO_BALANCERS, nothing) == TlsEndpoints(0, [], DENIED)
    assert tls(DENIED, NONE, NO_BALANCERS, LATE) == TlsEndpoints(0, [], LATE)
    services = _entrances(services=ServiceSummary(unread=DENIED))
    assert tls(NO_MANAGER, services, NO_BALANCERS, nothing) == TlsEndpoints(0, [], DENIED)
    unread = _entrances(ingresses=_ingresses(unread=LATE), services=ServiceSummary(unread=DENIED))
    assert tls(NO_MANAGER, unread, NO_BALANCERS, nothing) == TlsEndpoints(0, [], LATE)
    managed = msgspec.structs.replace(NO_MANAGER, certificates=CertificateSummary(total=4, unread=None))
    inside = _entrances(ingresses=_ingresses(ClassUse(name="", total=3, with_address=3, with_tls=2)))
    bad = ["2 of class (none) take certificates from Secrets", "4 Certificates of cert-manager"]
    assert tls(managed, inside, NO_BALANCERS, nothing) == TlsEndpoints(0, bad, None)


def test_what_is_not_known_of_load_balancers() -> None:
    """Listeners, their certificates by SNI, the certificates themselves, and what was not looked at."""
    unread = certificates.unread_at_load_balancers
    balancer = LoadBalancer(arn="a", name="a", type="application", scheme="internal")
    listener = Listener(arn="l", port=443, protocol="HTTPS")

    def with_listeners(listeners: tuple[Listener, ...] | Unavailable) -> LoadBalancers:
        return msgspec.structs.replace(
            NO_BALANCERS, load_balancers=(msgspec.structs.replace(balancer, tls_listeners=listeners),)
        )

    assert unread(with_listeners((listener,)), _serving(_certificate())) is None
    assert unread(with_listeners(LATE), _serving()) == LATE
    assert unread(with_listeners((listener, msgspec.structs.replace(listener, unread=LATE))), _serving()) == LATE
    assert unread(NO_BALANCERS, _serving(_certificate(unread=LATE))) == LATE
    more = Unavailable(reason="unsupported", detail="the cluster has more load balancers than are looked at")
    for beyond in ((1, 0), (0, 1), (1, 1)):
        balancers = msgspec.structs.replace(NO_BALANCERS, beyond=beyond[0])
        assert unread(balancers, _serving(beyond=beyond[1])) == more
        assert unread(balancers, _serving(_certificate(unread=LATE), beyond=1)) == LATE


def test_certificates_that_run_out_at_load_balancers() -> None:
    """Fifteen days for what renews itself, thirty for what does not; to the second."""
    policy = Policy()
    renewed, imported = policy.min_certificate_days_left * DAY, policy.min_imported_certificate_days_left * DAY
    for changes, limit in (({}, renewed), ({"type": "IMPORTED"}, imported), ({"store": "iam"}, imported)):
        enough = _certificate(expires_at=NOW + limit, **changes)
        short = msgspec.structs.replace(enough, expires_at=NOW + limit - SECOND)
        assert list(certificates.running_out(_serving(enough), policy)) == []
        (said,) = certificates.running_out(_serving(enough, short), policy)
        assert said == f"shop.example (alb shop): until {NOW + limit - SECOND:%Y-%m-%d %H:%M} UTC"
    assert list(certificates.running_out(LATE, policy)) == []
    revoked = _certificate(status="REVOKED", expires_at=NOW)
    assert list(certificates.running_out(_serving(revoked), policy)) == ["shop.example (alb shop): REVOKED"]


def test_certificates_of_cert_manager_that_are_overdue() -> None:
    """A short-lived one may be near its end as long as its renewal lies ahead and its end, too."""
    policy = Policy()
    limit = policy.min_certificate_days_left * DAY
    lives = ManagedCertificate(
        name="a/a", secret="a/s", not_before_at=NOW - DAY, expires_at=NOW + DAY, renewal_at=NOW + SECOND
    )

    def late(**changes: object) -> list[str]:
        summary = CertificateSummary(
            total=2,
            first_to_expire=(
                msgspec.structs.replace(lives, name="skipped", expires_at=None),
                msgspec.structs.replace(lives, **changes),
            ),
        )
        return list(certificates.overdue(msgspec.structs.replace(NO_MANAGER, certificates=summary), policy))

    said = f"Certificate a/a: until {NOW + DAY:%Y-%m-%d %H:%M} UTC"
    assert late() == []
    assert late(renewal_at=NOW) == [said]
    assert late(renewal_at=None) == [said]
    assert late(not_before_at=None) == [said]
    assert late(not_before_at=NOW + DAY - 3 * limit) == [said]
    assert late(not_before_at=NOW + DAY - 3 * limit + SECOND) == []
    assert late(expires_at=NOW) == [f"Certificate a/a: until {NOW:%Y-%m-%d %H:%M} UTC"]
    assert late(expires_at=NOW + limit, renewal_at=NOW) == []
    assert late(expires_at=NOW + limit - SECOND, renewal_at=NOW) != []
    assert list(certificates.overdue(DENIED, policy)) == []


def test_secrets_that_serve_tls() -> None:
    """Of the classes that end TLS inside; those that were not kept may be others."""
    secrets = (TlsSecret(secret="a/s", class_name="web"), TlsSecret(secret="b/s", class_name="alb"))
    uses = (ClassUse(name="web", total=1, with_tls=1), ClassUse(name="alb", total=1, with_tls=1))
    ingresses = _ingresses(*uses, tls_secrets=secrets, tls_secrets_total=2)
    entrances = _entrances(ingresses=ingresses, ingress_classes=CLASSES)
    assert certificates.secrets_in_use(entrances) == secrets[:1]
    more = msgspec.structs.replace(ingresses, tls_secrets_total=3)
    beyond = Unavailable(reason="unsupported", detail="Ingresses name more Secrets than are looked at")
    assert certificates.secrets_in_use(_entrances(ingresses=more, ingress_classes=CLASSES)) == beyond
    assert certificates.secrets_in_use(_entrances(ingresses=more, ingress_classes=DENIED)) == DENIED


def test_secrets_that_nobody_watches() -> None:
    """Five are named."""
    secrets = tuple(TlsSecret(secret=f"ns/{number}", class_name="web") for number in range(7))
    managed = CertificateSummary(total=1, first_to_expire=(ManagedCertificate(name="a", secret="ns/0"),))
    assert certificates.unwatched(secrets[:1], managed) is None
    assert certificates.unwatched(secrets, managed) == Unavailable(
        reason="unsupported",
        detail="6 certificates are in Secrets, which are never read: ns/1, ns/2, ns/3, ns/4, ns/5",
        remedy="let a Certificate of cert-manager write them, or waive the check",
    )
