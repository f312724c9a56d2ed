"""Connects to a cluster by a context of the user's kubeconfig, with whatever it signs in by."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kubernetes import config
from kubernetes.client.configuration import Configuration

from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.kubernetes_api import KubernetesApi
from eks_readiness.adapters.kubernetes_https import HttpsFetch
from eks_readiness.adapters.probe import AwsReader, KubernetesReader
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import InputError, Unauthenticated, bounded

_KEY = "BearerToken"
"""Under which name the official client keeps the token of a kubeconfig."""


def load_context(context: str, *, file: Path | None = None) -> Configuration:
    """Read one context; an exec plug-in of it (like `aws eks get-token`) is run.

    Raises:
        InputError: there is no kubeconfig, it cannot be read, or it has no such context.
    """
    configuration = Configuration()
    try:
        contexts, _ = config.list_kube_config_contexts(config_file=_path(file))  # type: ignore[no-untyped-call] # theirs
    except Exception as error:  # a broken file comes as whatever its parser raises
        raise _unusable(error) from error
    names = [str(each["name"]) for each in contexts]
    if context not in names:
        raise InputError(
            f"the kubeconfig has no context {context!r}",
            remedy=f"known: {', '.join(sorted(names)[:20])}; more with: aws eks update-kubeconfig --name <cluster>",
        )
    try:
        config.load_kube_config(  # type: ignore[no-untyped-call] # theirs
            config_file=_path(file), context=context, client_configuration=configuration, persist_config=False
        )
    except Exception as error:  # as above, and whatever an exec plug-in raises
        raise _unusable(error) from error
    if not configuration.verify_ssl:
        raise InputError(
            f"context {context} switches the verification of certificates off",
            remedy="remove insecure-skip-tls-verify and give the cluster's certificate-authority-data",
        )
    return configuration


def _unusable(error: Exception) -> InputError:
    return InputError(
        f"the kubeconfig cannot be used: {bounded(str(error))}",
        remedy="make one with: aws eks update-kubeconfig --name <cluster>, or name it in KUBECONFIG",
    )


def require_cluster(
    configuration: Configuration, context: str, cluster: ClusterRef, *, endpoint: str, authority: str
) -> None:
    """Make sure that a context leads to the cluster that is meant: to its endpoint, or by a tunnel to its authority.

    `endpoint` and `authority` (PEM) are as EKS describes the cluster.

    Raises:
        InputError: it leads to another cluster.
    """
    host = urlsplit(configuration.host).hostname or ""
    wanted = urlsplit(endpoint).hostname or ""
    if host.lower() != wanted.lower() and _authority_of(configuration) != "".join(authority.split()):
        raise InputError(
            f"context {context} leads to {host}, but the endpoint of {cluster} is {wanted}",
            remedy=f"name the cluster's own context; make it with: aws eks update-kubeconfig --name {cluster.name}",
        )


def _authority_of(configuration: Configuration) -> str:
    """The certificate authority that a context trusts, as PEM without white space; empty where it names none."""
    if not configuration.ssl_ca_cert:
        return ""
    try:
        return "".join(Path(configuration.ssl_ca_cert).read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError):
        return ""


class KubeconfigConnection:
    """Connects by a context that was loaded and found to lead to the cluster."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def __call__(self, _cluster: ClusterRef, _aws: AwsReader, deadline: Deadline) -> KubernetesReader:
        """The reader of the context's API."""
        token = _KubeconfigToken(self._configuration) if _signs_in_by_token(self._configuration) else None
        return KubernetesApi(HttpsFetch(self._configuration, token, deadline))


class _KubeconfigToken:
    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def __call__(self, *, fresh: bool) -> str:  # noqa: ARG002 - the official client renews it by itself
        value: Any = self._configuration.get_api_key_with_prefix(_KEY, alias="authorization")
        if not value:
            raise Unauthenticated("the kubeconfig gives no token", remedy="sign in again, then retry")
        return str(value).removeprefix("Bearer ")


def _signs_in_by_token(configuration: Configuration) -> bool:
    return bool(configuration.api_key) or configuration.refresh_api_key_hook is not None


def _path(file: Path | None) -> str | None:
    return None if file is None else str(file)
