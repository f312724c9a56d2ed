"""Secrets management: secrets come from a vault or encrypted from a repository, and arrive."""

from __future__ import annotations

from typing import Final

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import Components, Pods, SecretSources, Unavailable
from eks_readiness.domain.evidence.nodes import ComponentName
from eks_readiness.domain.evidence.secrets import SecretMechanism, SecretSource
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

_NAMES: Final[dict[SecretMechanism, str]] = {
    "external-secrets": "External Secrets",
    "secrets-store": "the Secrets Store CSI driver",
    "vault-operator": "Vault Secrets Operator",
    "sealed-secrets": "Sealed Secrets",
    "sops": "SOPS in Flux",
}
# SOPS has none of its own: that a Kustomization was decrypted and applied shows that Flux works.
_CONTROLLERS: Final[dict[SecretMechanism, ComponentName]] = {
    "external-secrets": "external-secrets",
    "secrets-store": "secrets-store-csi-driver",
    "vault-operator": "vault-secrets-operator",
    "sealed-secrets": "sealed-secrets",
}


@check(
    "secrets-management.mechanism",
    needs=(if_available(SecretSources), if_available(Components), if_available(Pods)),
    required=True,
)
def secrets_come_from_a_mechanism(
    sources: SecretSources | Unavailable, components: Components | Unavailable, pods: Pods | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Secrets come from External Secrets, the Secrets Store CSI driver, Vault, Sealed Secrets or SOPS in Flux.

    A mechanism counts when something uses it and its controller runs.
    Not applicable when: no pod uses a Secret.
    Why: a Secret made by hand is in nobody's vault: nobody can rotate it, and nobody knows who has a copy.
    Fix: helm install external-secrets external-secrets/external-secrets, then a SecretStore and ExternalSecrets.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/manage-secrets.html
    """
    used = _used(sources, pods)
    if not isinstance(components, Unavailable) and (working := [name for name, way in used if _runs(way, components)]):
        return passed(f"secrets come from {' and '.join(working)}")
    if missing := first_unavailable(sources, components, pods) or _unread(sources):
        return missing
    if used:
        return failed(f"{' and '.join(name for name, _ in used)} is in use, but its controller does not run")
    if not _uses_secrets(pods):
        return not_applicable("no pod uses a Secret")
    return _by_hand(pods)


def _used(
    sources: SecretSources | Unavailable, pods: Pods | Unavailable
) -> list[tuple[str, SecretSource | ComponentName]]:
    """Every mechanism in use, with what shows whether it works: its objects, or its controller."""
    there = () if isinstance(sources, Unavailable) else sources.sources
    mounting = not isinstance(pods, Unavailable) and pods.secret_volumes > 0
    found: list[tuple[str, SecretSource | ComponentName]] = [
        (_NAMES[each.mechanism], _CONTROLLERS.get(each.mechanism, each))
        for each in there
        if each.secrets or (each.mechanism == "secrets-store" and mounting)
    ]
    if not isinstance(pods, Unavailable) and pods.vault_injected:
        found.append(("the Vault agent injector", "vault-agent-injector"))
    return found


def _runs(way: SecretSource | ComponentName, components: Components) -> bool:
    if isinstance(way, SecretSource):
        return way.secrets > way.unsynced.total
    return any(each.ready > 0 for each in components.named(way))


def _unread(sources: SecretSources | Unavailable) -> Unavailable | None:
    return None if isinstance(sources, Unavailable) else next((each.why for each in sources.unread), None)


def _uses_secrets(pods: Pods | Unavailable) -> bool:
    return not isinstance(pods, Unavailable) and bool(pods.secret_users or pods.secret_volumes or pods.vault_injected)


def _by_hand(pods: Pods | Unavailable) -> Verdict:
    users = () if isinstance(pods, Unavailable) else pods.secret_users
    return failed(
        "pods use Secrets, and no mechanism brings them in",
        [f"{each.namespace}/{name}" for each in users for name in each.pods.names],
        total=sum(each.pods.total for each in users),
    )


@check("secrets-management.synced", needs=(SecretSources, if_available(Pods)), required=True)
def secrets_arrive(sources: SecretSources, pods: Pods | Unavailable, policy: Policy) -> Verdict | Unavailable:
    """Every secret store is ready, and `min_synced_secrets_percent` percent of secrets are synced and fresh.

    Fresh is what was refreshed within twice its interval; what is never to be refreshed only has to be synced. Objects
    younger than ten minutes may still be without a status.
    Not applicable when: no pod uses a Secret.
    Why: a secret that is no longer synced works until it is rotated, and then breaks everything that uses it.
    Fix: kubectl get externalsecrets,secretstores,clustersecretstores -A; kubectl describe those that are not Ready
    Source: https://external-secrets.io/latest/api/externalsecret/
    """
    broken = [each for each in sources.sources if each.stores_not_ready.total]
    if broken:
        return failed(
            f"{sum(each.stores_not_ready.total for each in broken)} secret stores are not ready",
            [name for each in broken for name in each.stores_not_ready.names],
            total=sum(each.stores_not_ready.total for each in broken),
        )
    if missing := _unread(sources):
        return missing
    waiting = _waiting(sources, pods)
    if isinstance(waiting, Unavailable):
        return waiting
    total = waiting + sum(each.secrets for each in sources.sources)
    if not total:
        return pods if isinstance(pods, Unavailable) else _nothing_to_sync(pods)
    late = waiting + sum(each.unsynced.total for each in sources.sources)
    offenders = [name for each in sources.sources for name in each.unsynced.names]
    offenders += [f"{waiting} volumes of the Secrets Store CSI driver: not mounted"] if waiting else []
    said = f"{total - late} of {total} secrets are synced and fresh"
    if 100 * (total - late) < policy.min_synced_secrets_percent * total:
        return failed(said, offenders, total=late)
    return passed(said)


def _waiting(sources: SecretSources, pods: Pods | Unavailable) -> int | Unavailable:
    """Pods that want a volume of the Secrets Store CSI driver and have none: only a mount leaves a status."""
    mounts = next((each for each in sources.sources if each.mechanism == "secrets-store"), None)
    if mounts is None:
        return 0
    return pods if isinstance(pods, Unavailable) else max(0, pods.secret_volumes - mounts.secrets)


def _nothing_to_sync(pods: Pods) -> Verdict:
    if pods.vault_injected:
        return passed(f"the Vault agent in {pods.vault_injected} pods renews their secrets itself")
    return _by_hand(pods) if _uses_secrets(pods) else not_applicable("no pod uses a Secret")


@check("secrets-management.no-literals", needs=(Pods,), required=False)
def no_container_has_a_literal_secret(pods: Pods, policy: Policy) -> Verdict:
    """No container has a literal value under an environment name that ends like a secret's.

    Names ending in PASSWORD, SECRET, TOKEN, KEY or CREDENTIALS. Only names are ever looked at or kept.
    Why: whoever may read a pod, or the repository that it comes from, reads the secret.
    Fix: put the value into a vault and refer to it: env[].valueFrom.secretKeyRef
    Source: https://kubernetes.io/docs/concepts/security/secrets-good-practices/
    """
    total = sum(each.pods.total for each in pods.literal_secrets)
    if not total:
        return passed("no container has a literal secret in its environment")
    names = [f"{each.namespace}/{name}" for each in pods.literal_secrets for name in each.pods.names]
    return failed(f"{total} environment variables hold a literal secret", names, total=total)
