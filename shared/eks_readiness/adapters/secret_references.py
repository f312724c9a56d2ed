"""What ExternalSecrets and SecretProviderClasses refer to: secrets of AWS Secrets Manager, and other vaults by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from eks_readiness.adapters.bounded_yaml import bounded_yaml
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.errors import UnexpectedAnswer, bounded
from eks_readiness.domain.evidence import MAX_SAMPLE, Sample
from eks_readiness.domain.evidence.secrets import SecretReference

MAX_REFERENCES = 500
"""Distinct secrets of Secrets Manager that one scan looks at; any beyond are counted."""
_KEY_CHARACTERS = 600
_PARAMETER_STORE = "AWS Parameter Store"


class Vault(NamedTuple):
    """Where a store reads: the vault's name, the region where it names one, and what it puts before every key."""

    name: str
    region: str = ""
    prefix: str = ""


SECRETS_MANAGER = "AWS Secrets Manager"


class _AwsStore(msgspec.Struct, gc=False):
    service: str = ""
    region: str = ""
    prefix: str = ""


_AWS_STORE = msgspec.json.Decoder(_AwsStore)


class Store(msgspec.Struct, gc=False):
    """The spec of a SecretStore or ClusterSecretStore."""

    provider: dict[str, msgspec.Raw] | None = None

    def vault(self) -> Vault:
        """What is kept of it; of a provider other than AWS that is its name."""
        name, provider = next(iter((self.provider or {}).items()), ("", msgspec.Raw(b"{}")))
        if name != "aws":
            return Vault(bounded(name, 50))
        try:
            aws = _AWS_STORE.decode(provider)
        except msgspec.DecodeError:
            return Vault("")
        name = SECRETS_MANAGER if aws.service == "SecretsManager" else _PARAMETER_STORE
        return Vault(name, bounded(aws.region, 50), bounded(aws.prefix, _KEY_CHARACTERS))


class _StoreRef(msgspec.Struct, gc=False):
    name: str = ""
    kind: str = ""


class _SourceRef(msgspec.Struct, gc=False, rename="camel"):
    store_ref: _StoreRef | None = None
    generator_ref: dict[str, object] | None = None


class _RemoteRef(msgspec.Struct, gc=False):
    key: str = ""


class _Data(msgspec.Struct, gc=False, rename="camel"):
    remote_ref: _RemoteRef | None = None
    source_ref: _SourceRef | None = None


class _DataFrom(msgspec.Struct, gc=False, rename="camel"):
    extract: _RemoteRef | None = None
    find: dict[str, object] | None = None
    source_ref: _SourceRef | None = None


class ExternalSecretSpec(msgspec.Struct, gc=False, rename="camel"):
    """The spec of an ExternalSecret."""

    secret_store_ref: _StoreRef | None = None
    refresh_interval: str | None = None
    refresh_policy: str | None = None
    data: list[_Data] | None = None
    data_from: list[_DataFrom] | None = None


class ProviderClass(msgspec.Struct, gc=False):
    """The spec of a SecretProviderClass."""

    provider: str = ""
    parameters: dict[str, str] | None = None


class _Object(msgspec.Struct, gc=False, rename="camel"):
    """One element of the AWS provider's `objects`."""

    object_name: str = ""
    object_type: str = ""


class References:
    """References, collected while objects stream by."""

    def __init__(self) -> None:
        self._found: set[tuple[str, str]] = set()
        self._left_out = 0
        self._unresolved = Names()
        self._vaults: set[str] = set()

    def add_external_secret(
        self, namespace: str, where: str, spec: ExternalSecretSpec, stores: Mapping[tuple[str, str], Vault]
    ) -> None:
        """Note what an ExternalSecret reads, by the store that each of its parts names."""
        problems = []
        for ref, keys, searches in _parts(spec):
            vault = stores.get(("" if ref.kind == "ClusterSecretStore" else namespace, ref.name), Vault(""))
            if not vault.name:
                problems.append(
                    f"reads from {ref.kind or 'SecretStore'} {ref.name}, which is not there or names no vault"
                )
            elif vault.name != SECRETS_MANAGER:
                self.note_vault(vault.name)
            else:
                for key in keys:
                    self._note(f"{vault.prefix}{key}" if key else "", vault.region)
                problems += ["takes what a search finds"] if searches else []
        if problems:
            self._unresolved.add(f"ExternalSecret {where} {problems[0]}")

    def add_provider_class(self, where: str, spec: ProviderClass) -> None:
        """Note what a SecretProviderClass mounts."""
        if spec.provider != "aws":
            self.note_vault(spec.provider)
            return
        parameters = spec.parameters or {}
        try:
            objects = _objects(parameters.get("objects", ""), where)
        except UnexpectedAnswer as error:
            self._unresolved.add(bounded(str(error), 200))
            return
        for each in objects:
            if each.object_type.lower() == "ssmparameter" or ":ssm:" in each.object_name:
                self.note_vault(_PARAMETER_STORE)
            else:
                self._note(each.object_name, parameters.get("region", ""))

    def note_vault(self, name: str) -> None:
        """Note a vault that is none of AWS Secrets Manager."""
        if name and len(self._vaults) < MAX_SAMPLE:
            self._vaults.add(bounded(name, 50))

    def _note(self, key: str, region: str) -> None:
        if not key:
            return
        found = (bounded(key, _KEY_CHARACTERS), bounded(region, 50))
        if found in self._found:
            return
        if len(self._found) < MAX_REFERENCES:
            self._found.add(found)
        else:
            self._left_out += 1

    def kept(self) -> tuple[SecretReference, ...]:
        """The references, each once."""
        return tuple(SecretReference(key=key, region=region) for key, region in sorted(self._found))

    def left_out(self) -> int:
        """How often something beyond the limit was referred to."""
        return self._left_out

    def unresolved(self) -> Sample:
        """Objects of which it cannot be told what they take."""
        return self._unresolved.sample()

    def other_vaults(self) -> tuple[str, ...]:
        """Other vaults that are read."""
        return tuple(sorted(self._vaults))


def _parts(spec: ExternalSecretSpec) -> Iterator[tuple[_StoreRef, list[str], bool]]:
    """Of each part its store, the keys that it takes, and whether it takes what a search finds."""
    for data in spec.data or ():
        if data.remote_ref is not None:
            yield _ref(spec, data.source_ref), [data.remote_ref.key], False
    for part in spec.data_from or ():
        # A generator makes the value: there is no secret behind it.
        if part.source_ref is None or not part.source_ref.generator_ref:
            keys = [part.extract.key] if part.extract is not None else []
            yield _ref(spec, part.source_ref), keys, part.find is not None


def _ref(spec: ExternalSecretSpec, source: _SourceRef | None) -> _StoreRef:
    """The store of one part: its own, or else that of the whole."""
    return (source.store_ref if source is not None else None) or spec.secret_store_ref or _StoreRef()


def _objects(text: str, where: str) -> list[_Object]:
    named = f"SecretProviderClass {where}: objects"
    try:
        return msgspec.convert(bounded_yaml(text, named) or [], list[_Object])
    except msgspec.ValidationError as error:
        raise UnexpectedAnswer(f"{named}: {error}") from error
