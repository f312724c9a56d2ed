"""Secret rotation: secrets in the vault and the keys that encrypt them are renewed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from eks_readiness.checklist.check import check, if_available
from eks_readiness.domain.evidence import Pods, ReferencedSecrets, SecretSources, Unavailable, UsedKeys
from eks_readiness.domain.evidence.secrets import ManagedSecret, UsedKey
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

_ENABLED = frozenset({"Enabled", "Updating"})
_READ_FROM_VAULTS = frozenset({"external-secrets", "secrets-store", "vault-operator"})


@check(
    "secret-rotation.secrets",
    needs=(SecretSources, if_available(ReferencedSecrets), if_available(Pods)),
    required=True,
    or_attested=lambda policy: policy.max_secret_age_days,
)
def referenced_secrets_are_rotated(
    sources: SecretSources, secrets: ReferencedSecrets | Unavailable, pods: Pods | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Every secret of AWS Secrets Manager that the cluster refers to was rotated within `max_secret_age_days` days.

    A secret younger than that counts when its rotation is on. For another vault (HashiCorp Vault, Parameter Store, …)
    a statement answers, never for a secret that was seen to be old. Names and dates are read, never values.
    Not applicable when: nothing in the cluster refers to a vault.
    Why: a secret that leaked opens the door until it is changed.
    Fix: aws secretsmanager rotate-secret --secret-id <name> --rotation-rules AutomaticallyAfterDays=30
    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets.html
    """
    found = () if isinstance(secrets, Unavailable) else secrets.secrets
    old = [_age(each) for each in found if not _young(each, sources.observed_at, policy)]
    if old:
        return failed(f"{len(old)} of {len(found)} secrets were not rotated in time", old, final=True)
    injected = not isinstance(pods, Unavailable) and pods.vault_injected
    if others := sorted({*sources.other_vaults, *(["vault"] if injected else [])}):
        return failed(f"secrets also come from {', '.join(others)}: their rotation has to be attested", others)
    if missing := next(_unknown(sources, secrets, pods), None):
        return missing
    if not sources.references:
        return not_applicable("nothing in the cluster refers to a vault")
    return passed(f"{len(found)} secrets were rotated within {policy.max_secret_age_days:g} days")


def _young(secret: ManagedSecret, now: datetime, policy: Policy) -> bool:
    renewed = secret.rotated_at or (secret.created_at if secret.rotation else None)
    return renewed is not None and now - renewed <= timedelta(days=policy.max_secret_age_days)


def _age(secret: ManagedSecret) -> str:
    rotated = f"last rotated {secret.rotated_at:%Y-%m-%d}" if secret.rotated_at else "never rotated"
    return f"{secret.name}: {rotated}, rotation is {'on' if secret.rotation else 'off'}"


def _unknown(
    sources: SecretSources, secrets: ReferencedSecrets | Unavailable, pods: Pods | Unavailable
) -> Iterator[Unavailable]:
    """Why it is not certain that every secret was looked at."""
    yield from (each.why for each in sources.unread if each.mechanism in _READ_FROM_VAULTS)
    if isinstance(pods, Unavailable):
        yield pods
    if sources.references_left_out or sources.unresolved.total:
        detail = f"{sources.unresolved.total} objects do not say which secrets they take"
        if sources.references_left_out:
            detail = f"{sources.references_left_out} references are more than one scan looks at"
        yield Unavailable(reason="unsupported", detail=detail, remedy=", ".join(sources.unresolved.names[:3]))
    if isinstance(secrets, Unavailable):
        if sources.references:
            yield secrets
    elif unseen := (*secrets.missing, *secrets.elsewhere):
        yield Unavailable(
            reason="unsupported",
            detail=f"{len(unseen)} secrets are not in this account and region: {', '.join(unseen[:5])}",
            remedy="look whether they exist: aws secretsmanager describe-secret --secret-id <name>",
        )


@check("secret-rotation.keys", needs=(UsedKeys,), required=True)
def keys_rotate(keys: UsedKeys, policy: Policy) -> Verdict | Unavailable:
    """Customer managed KMS keys of the cluster, its volumes, logs, secrets and backup vaults rotate by themselves.

    Keys that AWS manages do so without being asked; asymmetric keys cannot, and do not count. A key that is disabled or
    about to be deleted fails.
    Not applicable when: nothing that the cluster keeps is encrypted with a key that can be seen.
    Why: the longer one key encrypts, the more is lost with it.
    Fix: aws kms enable-key-rotation --key-id <key>
    Source: https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html
    """
    bad = [problem for each in keys.keys if (problem := _problem(each))]
    if bad:
        return failed(f"{len(bad)} of {len(keys.keys)} keys do not rotate or are not enabled", bad)
    if unread := next(iter(keys.unread), None) or next((each.unread for each in keys.keys if each.unread), None):
        return unread
    if not keys.keys:
        return not_applicable("nothing is encrypted with a key that can be seen")
    own = sum(each.manager != "AWS" for each in keys.keys)
    return passed(f"{own} customer managed keys rotate" if own else "only keys of AWS are used: they rotate")


def _problem(key: UsedKey) -> str:
    if key.unread or key.manager == "AWS":
        return ""
    where = f"{key.id} ({', '.join(key.used_by)})"
    if key.state not in _ENABLED:
        return f"{where}: {key.state or 'state not told'}"
    if key.rotates is not False:
        return ""
    return f"{where}: {'its material is imported' if key.origin == 'EXTERNAL' else 'rotation is off'}"
