"""Where secrets come from, as values: mechanisms in use, what is late, and what a part that is denied leaves."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from eks_readiness.checklist.extensions import secrets_management
from eks_readiness.domain.evidence import Components, Pods, SecretSources, Unavailable
from eks_readiness.domain.evidence.secrets import SecretSource
from eks_readiness.domain.finding import failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DENIED = Unavailable(reason="denied", detail="no right", remedy="grant it")
LATE = Unavailable(reason="throttled", detail="slow")


def _pods(**parts: object) -> Pods:
    return msgspec.convert({"observed_at": NOW, "source": "test", **parts}, Pods)


def _users(*names: str, total: int) -> list[dict[str, object]]:
    return [{"namespace": "shop", "pods": {"total": total, "names": list(names)}}]


def _sources(*sources: SecretSource) -> SecretSources:
    return SecretSources(observed_at=NOW, source="test", sources=sources)


def _source(mechanism: str, **parts: object) -> SecretSource:
    return msgspec.convert({"mechanism": mechanism, **parts}, SecretSource)


def _components(**ready: int) -> Components:
    found = [
        {
            "component": name.replace("_", "-"),
            "kind": "Deployment",
            "namespace": "n",
            "name": name,
            "desired": 1,
            "ready": up,
        }
        for name, up in ready.items()
    ]
    return msgspec.convert({"observed_at": NOW, "source": "test", "components": found}, Components)


def test_the_mechanisms_that_bring_secrets_in() -> None:
    """In use and running; mounted volumes use the CSI driver, and nothing else."""
    check, policy = secrets_management.secrets_come_from_a_mechanism, Policy()
    operator, idle = _source("external-secrets", secrets=2), _source("external-secrets")
    driver = _source("secrets-store")
    names = secrets_management._NAMES
    both = _components(external_secrets=1, vault_agent_injector=1)
    injected = _pods(vault_injected=1)
    assert check(_sources(operator), both, injected, policy) == passed(
        f"secrets come from {names['external-secrets']} and the Vault agent injector"
    )
    down = _components(external_secrets=0, vault_agent_injector=0)
    assert check(_sources(operator), down, injected, policy) == failed(
        f"{names['external-secrets']} and the Vault agent injector is in use, but its controller does not run"
    )
    broken = failed(f"{names['secrets-store']} is in use, but its controller does not run")
    assert check(_sources(idle, driver), _components(), _pods(secret_volumes=1), policy) == broken
    none = not_applicable("no pod uses a Secret")
    assert check(_sources(idle, driver), both, _pods(), policy) == none
    by_hand = failed("pods use Secrets, and no mechanism brings them in", ["shop/a", "shop/b"], total=9)
    assert check(_sources(idle, driver), both, _pods(secret_users=_users("a", "b", total=9)), policy) == by_hand
    assert check(_sources(idle), both, _pods(secret_volumes=1), policy) == failed(by_hand.reason)
    assert check(DENIED, both, _pods(), policy) == DENIED
    assert check(DENIED, LATE, LATE, policy) == DENIED
    assert check(_sources(idle), LATE, DENIED, policy) == LATE
    assert check(_sources(idle), both, DENIED, policy) == DENIED


def test_how_many_secrets_arrive() -> None:
    """As many percent as the policy says are enough; one less is not."""
    check = secrets_management.secrets_arrive
    unsynced = {"total": 5, "names": ["shop/a"]}
    some = _sources(_source("external-secrets", secrets=100, unsynced=unsynced))
    said = "95 of 100 secrets are synced and fresh"
    assert check(some, _pods(), Policy(min_synced_secrets_percent=95)) == passed(said)
    assert check(some, _pods(), Policy(min_synced_secrets_percent=95.5)) == failed(said, ["shop/a"], total=5)
    stores = _sources(_source("external-secrets", stores=9, stores_not_ready={"total": 7, "names": ["shop/s"]}))
    assert check(stores, _pods(), Policy()) == failed("7 secret stores are not ready", ["shop/s"], total=7)
    assert check(_sources(), DENIED, Policy()) == DENIED
    assert check(_sources(), _pods(), Policy()) == not_applicable("no pod uses a Secret")
    assert check(_sources(), _pods(secret_volumes=1), Policy()) == failed(
        "pods use Secrets, and no mechanism brings them in"
    )


def test_literal_secrets_are_all_counted() -> None:
    """Some are named."""
    pods = _pods(literal_secrets=_users("a (app: TOKEN)", total=30))
    assert secrets_management.no_container_has_a_literal_secret(pods, Policy()) == failed(
        "30 environment variables hold a literal secret", ["shop/a (app: TOKEN)"], total=30
    )
