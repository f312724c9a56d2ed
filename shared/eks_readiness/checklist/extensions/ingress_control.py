"""Ingress control: what leads traffic into the cluster is served, reachable and maintained."""

from __future__ import annotations

import re

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.extensions.entrances import SOME_CONTROLLER, Served, classes_in_use, first_unread
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    Components,
    Entrances,
    Pods,
    TargetGroupBindings,
    TargetGroups,
    Unavailable,
)
from eks_readiness.domain.evidence.nodes import ComponentName
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

_CONTROLLERS: tuple[tuple[str, ComponentName], ...] = (
    ("ingress.k8s.aws/alb", "aws-load-balancer-controller"),
    ("gateway.k8s.aws/", "aws-load-balancer-controller"),
    ("k8s.io/ingress-nginx", "ingress-nginx"),
    ("nginx.org/ingress-controller", "nginx-ingress"),
    ("traefik.io/", "traefik"),
    ("haproxy.org/ingress-controller", "haproxy-ingress"),
    ("haproxy-ingress.github.io/controller", "haproxy-ingress"),
    ("ingress-controllers.konghq.com/", "kong"),
    ("konghq.com/", "kong"),
    ("projectcontour.io/", "contour"),
    ("getambassador.io/ingress-controller", "emissary"),
    ("apisix.apache.org/", "apisix"),
    ("istio.io/", "istiod"),
    ("cilium.io/ingress-controller", "cilium"),
    ("io.cilium/gateway-controller", "cilium"),
    ("gateway.envoyproxy.io/gatewayclass-controller", "envoy-gateway"),
    ("gateway.nginx.org/nginx-gateway-controller", "nginx-gateway-fabric"),
    ("kgateway.dev/", "kgateway"),
    ("application-networking.k8s.aws/gateway-api-controller", "vpc-lattice-controller"),
)
"""What the controller names of classes begin with, and the component that answers to them."""
_OTHER_NAMES = re.compile(r"k8s\.io/[\w.-]*ingress-nginx")
"""ingress-nginx run several times: its chart's way to tell the classes apart."""
_AUTO_MODE = "eks.amazonaws.com/"
_RETIRED = re.compile(
    r"(?:\A|/)(?:ingress-nginx/controller(?:-chroot)?"
    r"|kubernetes-ingress-controller/nginx-ingress-controller"
    r"|bitnami(?:legacy|secure)?/nginx-ingress-controller)\Z"
)
"""The repository of its images, in whatever registry they are kept."""


@check(
    "ingress-control.controller",
    needs=(Entrances, if_available(Components), if_available(ClusterConfiguration)),
    required=True,
)
def every_class_in_use_is_served(
    entrances: Entrances,
    components: Components | Unavailable,
    cluster: ClusterConfiguration | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """A controller serves every IngressClass and GatewayClass in use, and has a ready pod.

    EKS Auto Mode serves classes of `eks.amazonaws.com` itself. An Ingress without a class belongs to the default class,
    or, where it has an address, to any controller that runs; one with the annotation of old to the class of that name.
    A GatewayClass must be accepted.
    Not applicable when: the cluster has no Ingress and no Gateway.
    Why: without its controller an Ingress is a wish: nothing makes or mends the way in.
    Fix: kubectl -n kube-system describe deployment aws-load-balancer-controller; kubectl get ingressclass,gatewayclass
    Source: https://docs.aws.amazon.com/eks/latest/userguide/aws-load-balancer-controller.html
    """
    used = classes_in_use(entrances)
    answers = [(each, _served(each, components, cluster)) for each in used]
    if bad := [f"{each.what}: {said}" for each, said in answers if isinstance(said, str) and said]:
        return failed(f"{len(bad)} of {len(used)} classes in use are not served", bad)
    missing = first_unread(entrances) or first_unavailable(*(said for _, said in answers))
    if missing is not None:
        return missing
    if not used:
        return not_applicable("the cluster has no Ingress and no Gateway")
    return passed(f"every class in use is served: {', '.join(each.what for each in used)}")


def _served(
    used: Served, components: Components | Unavailable, cluster: ClusterConfiguration | Unavailable
) -> str | Unavailable:
    """Empty where it is; why not, or why that cannot be told."""
    if used.problem or used.unread is not None:
        return used.problem or used.unread or ""
    if used.controller.startswith(_AUTO_MODE):
        if isinstance(cluster, Unavailable):
            return cluster
        return "" if cluster.auto_mode_load_balancing else "EKS Auto Mode's load balancing is off"
    return components if isinstance(components, Unavailable) else _runs(used, components)


def _runs(used: Served, components: Components) -> str | Unavailable:
    if used.controller == SOME_CONTROLLER:
        known = {name for _, name in _CONTROLLERS}
        some = any(each.ready for each in components.components if each.component in known)
        return "" if some else "no controller runs, and there is no default class"
    name = component_of(used.controller)
    if name is None:
        return Unavailable(
            reason="unsupported",
            detail=f"{used.what}: the controller {used.controller or 'without a name'} is not one that is known here",
            remedy="waive the check once somebody looked",
        )
    found = [each for each in components.named(name) if each.desired]
    down = [f"{each.where} has {each.ready} of {each.desired} pods ready" for each in found if not each.ready]
    return "; ".join(down) if found else f"{name} is not installed, or scaled to nothing"


def component_of(controller: str) -> ComponentName | None:
    """The component that answers to a class's controller name."""
    if _OTHER_NAMES.match(controller):
        return "ingress-nginx"
    return next((name for prefix, name in _CONTROLLERS if controller.startswith(prefix)), None)


@check("ingress-control.addresses", needs=(Entrances,), required=True)
def every_entrance_has_an_address(entrances: Entrances, policy: Policy) -> Verdict | Unavailable:
    """Every Ingress and Service of type LoadBalancer has an address, and every Gateway is Programmed.

    What is younger than ten minutes may still be getting its own; what is being deleted needs none.
    Not applicable when: the cluster has no Ingress, no Gateway and no Service of type LoadBalancer.
    Why: what has no address cannot be reached, and its events say why.
    Fix: kubectl describe ingress <name>: missing subnet tags, rights or certificates are named in its events.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/alb-ingress.html
    """
    ingresses, gateways, services = entrances.ingresses, entrances.gateways, entrances.services
    samples = (ingresses.without_address, gateways.not_programmed, services.without_address)
    if bad := sum(each.total for each in samples):
        names = [name for each in samples for name in each.names]
        return failed(f"{bad} cannot be reached", names, total=bad)
    if missing := first_unavailable(ingresses.unread, gateways.unread, services.unread):
        return missing
    total = ingresses.total + gateways.total + services.total
    if not total:
        return not_applicable("no Ingress, no Gateway and no Service of type LoadBalancer")
    return passed(f"all {total} have an address")


@check("ingress-control.supported", needs=(Pods,), required=True)
def no_retired_controller_runs(pods: Pods, policy: Policy) -> Verdict:
    """No pod runs the community's ingress-nginx, which was retired in March 2026.

    Told by the image that live pods run, wherever it was copied to; F5's NGINX Ingress Controller is another product.
    Why: the next hole in it is not closed, and it stands at the edge.
    Fix: move its Ingresses to the AWS Load Balancer Controller, to another maintained controller or to the Gateway API.
    Source: https://kubernetes.io/blog/2025/11/11/ingress-nginx-retirement/
    """
    bad = [
        f"{each.image} in {', '.join(each.namespaces[:3])}"
        for each in pods.images
        if _RETIRED.search(_repository(each.image))
    ]
    return failed("pods run the retired ingress-nginx", bad) if bad else passed("no pod runs the retired ingress-nginx")


def _repository(image: str) -> str:
    """An image's name without its tag and digest."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


@check("ingress-control.targets", needs=(TargetGroups, if_available(TargetGroupBindings)), required=False)
def every_target_group_has_a_healthy_target(
    groups: TargetGroups, bindings: TargetGroupBindings | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Every target group behind the cluster's load balancers has a healthy target.

    Those that a TargetGroupBinding fills are looked at, whoever made them. At most 500 are looked at.
    Not applicable when: no load balancer sends traffic to the cluster.
    Why: a load balancer without a healthy target answers every request with an error.
    Fix: aws elbv2 describe-target-health --target-group-arn <arn>: its reason tells security group from health check.
    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    known = [each for each in groups.groups if each.unread is None]
    if bad := [f"{each.name}: 0 of {each.targets} targets healthy" for each in known if not each.healthy]:
        return failed(f"{len(bad)} of {len(groups.groups)} target groups have no healthy target", bad)
    missing = first_unavailable(bindings, *(each.unread for each in groups.groups))
    if missing is not None:
        return missing
    if isinstance(bindings, TargetGroupBindings) and groups.beyond + bindings.beyond:
        return Unavailable(
            reason="unsupported",
            detail=f"only {len(groups.groups)} target groups were looked at, all with a healthy target",
        )
    if not groups.groups:
        return not_applicable("no load balancer sends traffic to the cluster")
    return passed(f"each of {len(groups.groups)} target groups has a healthy target")
