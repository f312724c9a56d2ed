"""Mechanisms that bring secrets into the cluster, as their custom resources tell about them. No Secret is read.

Sources: the CRDs of external-secrets/external-secrets, kubernetes-sigs/secrets-store-csi-driver,
hashicorp/vault-secrets-operator, bitnami-labs/sealed-secrets and fluxcd/kustomize-controller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from eks_readiness.adapters.kubernetes_objects import duration_seconds
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names
from eks_readiness.adapters.secret_references import (
    ExternalSecretSpec,
    ProviderClass,
    References,
    Store,
    Vault,
)
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import Sample, SecretSources, Unavailable
from eks_readiness.domain.evidence.secrets import SecretMechanism, SecretSource, UnreadMechanism
from eks_readiness.domain.instant import Instant

# From 0.16 on External Secrets serves v1 alone; v1beta1 is what older releases have.
_ESO = ("v1", "v1beta1")
SECRET_STORES = Kind("external-secrets.io", "secretstores", _ESO)
CLUSTER_SECRET_STORES = Kind("external-secrets.io", "clustersecretstores", _ESO)
EXTERNAL_SECRETS = Kind("external-secrets.io", "externalsecrets", _ESO)
CLUSTER_EXTERNAL_SECRETS = Kind("external-secrets.io", "clusterexternalsecrets", _ESO)
PROVIDER_CLASSES = Kind("secrets-store.csi.x-k8s.io", "secretproviderclasses", ("v1", "v1alpha1"))
MOUNTS = Kind("secrets-store.csi.x-k8s.io", "secretproviderclasspodstatuses", ("v1", "v1alpha1"))
_VAULT = "secrets.hashicorp.com"
VAULT_CONNECTIONS = tuple(Kind(_VAULT, each, ("v1beta1",)) for each in ("vaultauths", "vaultconnections"))
VAULT_SECRETS = tuple(
    Kind(_VAULT, each, ("v1beta1",)) for each in ("vaultdynamicsecrets", "vaultpkisecrets", "vaultstaticsecrets")
)
SEALED_SECRETS = Kind("bitnami.com", "sealedsecrets", ("v1alpha1",))
KUSTOMIZATIONS = Kind("kustomize.toolkit.fluxcd.io", "kustomizations", ("v1", "v1beta2"))

STARTING = timedelta(minutes=10)
"""How long a new object may be without a status: its controller may not have come to it yet."""


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    creation_timestamp: Instant | None = None

    def new(self, now: datetime) -> bool:
        return self.creation_timestamp is not None and now - self.creation_timestamp < STARTING

    @property
    def where(self) -> str:
        return bounded(f"{self.namespace}/{self.name}" if self.namespace else self.name)


class _Condition(msgspec.Struct, gc=False):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None


class _Status(msgspec.Struct, gc=False, rename="camel"):
    """Of the statuses of all these kinds what is needed; each controller writes some of it."""

    conditions: list[_Condition] | None = None
    refresh_time: Instant | None = None
    mounted: bool | None = None
    valid: bool | None = None
    error: str | None = None
    last_generation: int | None = None
    pod_name: str | None = None

    def condition(self, *types: str) -> _Condition:
        return next((each for each in self.conditions or () if each.type in types), _Condition())


class _Object(msgspec.Struct, gc=False):
    """Any of these kinds; a status that is not there yet is an empty one."""

    metadata: _Meta
    status: _Status | None = None

    @property
    def state(self) -> _Status:
        return self.status or _Status()


class _Store(_Object, gc=False):
    spec: Store | None = None


class _ExternalSecret(_Object, gc=False):
    spec: ExternalSecretSpec | None = None


class _ProviderClass(_Object, gc=False):
    spec: ProviderClass | None = None


class _Decryption(msgspec.Struct, gc=False):
    provider: str = ""


class _KustomizationSpec(msgspec.Struct, gc=False):
    decryption: _Decryption | None = None
    suspend: bool | None = None


class _Kustomization(_Object, gc=False):
    spec: _KustomizationSpec | None = None


class _Tally:
    """Objects of one mechanism, counted; those with a problem are named with it."""

    def __init__(self) -> None:
        self.total = 0
        self._bad = Names()

    def add(self, where: str, problem: str) -> None:
        self.total += 1
        if problem:
            self._bad.add(bounded(f"{where}: {problem}", 200))

    def sample(self) -> Sample:
        return self._bad.sample()


def read_secret_sources(api: KubernetesReader, gathered: Gathered) -> SecretSources:
    """Every mechanism that the cluster serves; one that is denied says so itself."""
    now, references = gathered.observed_at, References()
    readers: tuple[tuple[SecretMechanism, Callable[[], SecretSource | None]], ...] = (
        ("external-secrets", lambda: _external_secrets(api, now, references)),
        ("secrets-store", lambda: _secrets_store(api, references)),
        ("vault-operator", lambda: _vault_operator(api, now, references)),
        ("sealed-secrets", lambda: _sealed_secrets(api, now)),
        ("sops", lambda: _sops(api, now)),
    )
    sources, unread = [], []
    for mechanism, read in readers:
        found = unless_denied(read)
        if isinstance(found, Unavailable):
            unread.append(UnreadMechanism(mechanism=mechanism, why=found))
        elif found is not None:
            sources.append(found)
    return SecretSources(
        observed_at=now,
        source="external-secrets.io, secrets-store.csi.x-k8s.io, secrets.hashicorp.com, bitnami.com, "
        "kustomize.toolkit.fluxcd.io",
        sources=tuple(sources),
        unread=tuple(unread),
        references=references.kept(),
        references_left_out=references.left_out(),
        unresolved=references.unresolved(),
        other_vaults=references.other_vaults(),
    )


def _external_secrets(api: KubernetesReader, now: datetime, references: References) -> SecretSource | None:
    if api.serves(EXTERNAL_SECRETS) is None:
        return None
    stores, secrets = _Tally(), _Tally()
    known: dict[tuple[str, str], Vault] = {}
    for kind in (CLUSTER_SECRET_STORES, SECRET_STORES):
        for store in api.items(kind, _Store):
            meta = store.metadata
            known[meta.namespace, meta.name] = (store.spec or Store()).vault()
            stores.add(f"{'SecretStore' if meta.namespace else 'ClusterSecretStore'} {meta.where}", _ready(store, now))
    for each in api.items(CLUSTER_EXTERNAL_SECRETS, _Object):
        # Those that it made are counted by themselves: it counts only where it could not make them all.
        if problem := _ready(each, now):
            secrets.add(f"ClusterExternalSecret {each.metadata.where}", problem)
    for secret in api.items(EXTERNAL_SECRETS, _ExternalSecret):
        secrets.add(f"ExternalSecret {secret.metadata.where}", _not_synced(secret, now))
        spec = secret.spec or ExternalSecretSpec()
        references.add_external_secret(secret.metadata.namespace, secret.metadata.where, spec, known)
    return _source("external-secrets", secrets, stores)


def _not_synced(secret: _ExternalSecret, now: datetime) -> str:
    if problem := _ready(secret, now):
        return problem
    spec = secret.spec or ExternalSecretSpec()
    interval = _interval(spec)
    refreshed = secret.state.refresh_time
    if interval is None or (refreshed is None and secret.metadata.new(now)):
        return ""
    if refreshed is None:
        return "never refreshed"
    if now - refreshed > 2 * interval:
        return f"last refreshed {refreshed:%Y-%m-%d %H:%M} UTC, should be every {spec.refresh_interval or '1h'}"
    return ""


def _interval(spec: ExternalSecretSpec) -> timedelta | None:
    """How often it is refreshed; None for one that is only made once, or when it changes."""
    if (spec.refresh_policy or "Periodic") != "Periodic":
        return None
    # The CRD fills in an hour where nothing was said; 0 switches refreshing off.
    seconds = duration_seconds(spec.refresh_interval or "1h")
    return timedelta(seconds=seconds) if seconds else None


def _ready(each: _Object, now: datetime) -> str:
    """What is wrong with an object by its Ready condition; nothing with a new one that has none yet."""
    ready = each.state.condition("Ready")
    if ready.status == "True" or (not ready.status and each.metadata.new(now)):
        return ""
    return _why(ready)


def _why(condition: _Condition) -> str:
    return bounded(condition.message or condition.reason or "no status yet", 120)


def _secrets_store(api: KubernetesReader, references: References) -> SecretSource | None:
    if api.serves(PROVIDER_CLASSES) is None:
        return None
    mounts = _Tally()
    for each in api.items(PROVIDER_CLASSES, _ProviderClass):
        references.add_provider_class(each.metadata.where, each.spec or ProviderClass())
    for mount in api.items(MOUNTS, _Object):
        mounts.add(
            f"pod {mount.metadata.namespace}/{mount.state.pod_name}", "" if mount.state.mounted else "not mounted"
        )
    return _source("secrets-store", mounts)


def _vault_operator(api: KubernetesReader, now: datetime, references: References) -> SecretSource | None:
    if all(api.serves(kind) is None for kind in VAULT_SECRETS):
        return None
    stores, secrets = _Tally(), _Tally()
    for kind in VAULT_CONNECTIONS:
        for each in api.items(kind, _Object):
            bad = not (each.state.valid or (each.state.valid is None and each.metadata.new(now)))
            stores.add(f"{kind.resource} {each.metadata.where}", (each.state.error or "not valid") if bad else "")
    for kind in VAULT_SECRETS:
        for each in api.items(kind, _Object):
            secrets.add(f"{kind.resource} {each.metadata.where}", _vault_problem(each, now))
    if secrets.total:
        references.note_vault("vault")
    return _source("vault-operator", secrets, stores)


def _vault_problem(each: _Object, now: datetime) -> str:
    """Older operators only count generations; newer ones write conditions."""
    bad = next((one for one in each.state.conditions or () if one.status == "False"), None)
    if bad is not None:
        return _why(bad)
    return "" if each.state.last_generation or each.metadata.new(now) else "never synced"


def _sealed_secrets(api: KubernetesReader, now: datetime) -> SecretSource | None:
    if api.serves(SEALED_SECRETS) is None:
        return None
    secrets = _Tally()
    for each in api.items(SEALED_SECRETS, _Object):
        synced = each.state.condition("Synced")
        good = synced.status == "True" or (not synced.status and each.metadata.new(now))
        secrets.add(f"SealedSecret {each.metadata.where}", "" if good else _why(synced))
    return _source("sealed-secrets", secrets)


def _sops(api: KubernetesReader, now: datetime) -> SecretSource | None:
    if api.serves(KUSTOMIZATIONS) is None:
        return None
    secrets = _Tally()
    for each in api.items(KUSTOMIZATIONS, _Kustomization):
        spec = each.spec or _KustomizationSpec()
        if spec.decryption is not None and spec.decryption.provider == "sops":
            problem = "suspended" if spec.suspend else _ready(each, now)
            secrets.add(f"Kustomization {each.metadata.where}", problem)
    return _source("sops", secrets)


def _source(mechanism: SecretMechanism, secrets: _Tally, stores: _Tally | None = None) -> SecretSource:
    return SecretSource(
        mechanism=mechanism,
        stores=stores.total if stores else 0,
        stores_not_ready=stores.sample() if stores else Sample(),
        secrets=secrets.total,
        unsynced=secrets.sample(),
    )


def _rights(kinds: Iterable[Kind]) -> tuple[Right, ...]:
    return tuple(Right(kind.group, kind.resource) for kind in kinds)


PROBES = (
    KubernetesProbe(
        provides=SecretSources,
        rights=_rights(
            (
                SECRET_STORES,
                CLUSTER_SECRET_STORES,
                EXTERNAL_SECRETS,
                CLUSTER_EXTERNAL_SECRETS,
                PROVIDER_CLASSES,
                MOUNTS,
                *VAULT_CONNECTIONS,
                *VAULT_SECRETS,
                SEALED_SECRETS,
                KUSTOMIZATIONS,
            )
        ),
        read=read_secret_sources,
    ),
)
"""What this module gathers."""
