"""GitOps as several checks judge it: which tools deliver to the cluster, and whether their controllers work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from eks_readiness.checklist.shapes import IN_ORDER
from eks_readiness.domain.evidence import ArgoCd, Capabilities, Components, Flux, Unavailable
from eks_readiness.domain.evidence.delivery import InfrastructureDelivery
from eks_readiness.domain.evidence.nodes import Component, ComponentName

A = ArgoCd | Unavailable
F = Flux | Unavailable
C = Components | Unavailable
H = Capabilities | Unavailable


class Tool(NamedTuple):
    """One GitOps tool that delivers to this cluster, with controllers that work."""

    name: str
    objects: ArgoCd | Flux

    def infrastructure(self, within: timedelta) -> InfrastructureDelivery | None:
        """Infrastructure of the cluster that it delivers in good order, compared within a time."""
        best = self.objects.best_infrastructure
        if best is None or best.problem or best.checked_at is None:
            return None
        return best if self.objects.observed_at - best.checked_at <= within else None


class Tools(NamedTuple):
    """Every tool that works, what is wrong with the others, and what could not be read."""

    working: tuple[Tool, ...]
    broken: tuple[str, ...]
    unread: Unavailable | None

    def said(self, within: timedelta) -> list[str]:
        """Why none of them delivers the cluster's infrastructure."""
        return [*self.broken, *(_not_delivering(each, within) for each in self.working)] or ["no GitOps tool delivers"]


def tools(argocd: A, flux: F, components: C, capabilities: H) -> Tools:
    """What is known of Argo CD and Flux."""
    working: list[Tool] = []
    broken: list[str] = []
    unread: Unavailable | None = None
    for name, objects in (("Argo CD", argocd), ("Flux", flux)):
        if isinstance(objects, Unavailable):
            unread = unread or objects
            continue
        if not objects.total:
            broken.extend(_idle(name, objects))
            continue
        state = _flux_controllers(components) if name == "Flux" else _argocd_controllers(components, capabilities)
        if isinstance(state, Unavailable):
            unread = unread or state
        elif state:
            broken.append(state)
        else:
            working.append(Tool(name, objects))
    return Tools(tuple(working), tuple(broken), unread)


def _idle(name: str, objects: ArgoCd | Flux) -> Iterator[str]:
    if objects.unresolved.total:
        yield f"{objects.unresolved.total} objects of {name} name their cluster in a way that only a Secret explains"
    if objects.suspended.total:
        yield f"all {objects.suspended.total} objects of {name} are suspended"


def _not_delivering(tool: Tool, within: timedelta) -> str:
    best = tool.objects.best_infrastructure
    if best is None:
        return f"{tool.name} delivers no cluster-scoped infrastructure"
    if best.problem:
        return f"{best.name}: {best.problem}"
    return f"{best.name} was not compared with its source within {within.days} days"


def _argocd_controllers(components: C, capabilities: H) -> Unavailable | str:
    """Empty where they work: as a capability that AWS hosts, or in the cluster."""
    hosted = (
        []
        if isinstance(capabilities, Unavailable)
        else [each for each in capabilities.capabilities if each.type == "ARGOCD"]
    )
    if any(each.status in IN_ORDER and not each.issues for each in hosted):
        return ""
    own = _controllers(components, "Argo CD", ("argocd-controller", "argocd-repo-server"))
    if own == "":
        return ""
    if isinstance(capabilities, Unavailable):
        return capabilities
    if hosted and not isinstance(own, Unavailable):
        return f"EKS capability {hosted[0].name} is {'; '.join((hosted[0].status, *hosted[0].issues))}"
    return own


def _flux_controllers(components: C) -> Unavailable | str:
    return _controllers(components, "Flux", ("flux-kustomize-controller", "flux-source-controller"))


def _controllers(components: C, tool: str, needed: tuple[ComponentName, ...]) -> Unavailable | str:
    """Empty where each has a ready pod: during an update that is enough."""
    if isinstance(components, Unavailable):
        return components
    for name in needed:
        found = components.named(name)
        if not found:
            return f"{tool} has objects here, but no {name} runs"
        if not any(_up(each) for each in found):
            return f"{found[0].where} has {found[0].ready} of {found[0].desired} pods ready"
    return ""


def _up(each: Component) -> bool:
    return each.desired > 0 and each.ready > 0
