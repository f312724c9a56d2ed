"""Reads a Kubernetes API raw: discovery, lists page by page, decoded into structs that name only the needed fields.

What a genuine server does decides the details: an absent group answers 403 to a caller without wildcard rights, so only
discovery can tell that a kind is not installed; `resourceVersion=0` makes it ignore `limit`, so it is left out; the
`items` of an empty list can be null.

Sources: https://kubernetes.io/docs/reference/using-api/api-concepts/, https://kubernetes.io/docs/concepts/overview/kubernetes-api/
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from eks_readiness.adapters.probe import Kind
from eks_readiness.domain.errors import (
    AccessDenied,
    ProbeError,
    Throttled,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
    bounded,
)

T = TypeVar("T")

MAX_PAGES = 2_000
"""A million objects of one kind: more than a server lists, so more is a server that never ends."""

JSON = "application/json"
DISCOVERY = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
)
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_GRANT = "give group eks-readiness the shipped ClusterRole: eks-readiness access"
_ENTRY = "create the cluster's access entry (or aws-auth line) for the scanner's role: eks-readiness access"


class NotFound(UnexpectedAnswer):
    """The server has no such object or path."""


class Expired(UnexpectedAnswer):
    """The list went stale between two pages; `following` continues it at the next key, if the server offers that."""

    def __init__(self, message: str, *, following: str) -> None:
        super().__init__(message, remedy="the list is read again by the next scan")
        self.following = following


class Fetch(Protocol):
    """Gets one path of one API server; raises the `ProbeError` tree: what `refusal` says of an answer but 200."""

    def __call__(self, path: str, query: Mapping[str, str], accept: str) -> bytes | bytearray:
        """The body of the answer."""


class _StatusMeta(msgspec.Struct, gc=False):
    following: str = msgspec.field(default="", name="continue")


class _Status(msgspec.Struct, gc=False):
    message: str = ""
    metadata: _StatusMeta | None = None


_STATUS = msgspec.json.Decoder(_Status)


def refusal(status: int, body: bytes | bytearray, path: str) -> ProbeError:  # noqa: PLR0911 - one for each kind of answer
    """What an answer other than 200 means. `body` is a Status object where the server itself answered."""
    try:
        said = _STATUS.decode(body)
    except (ValueError, RecursionError):
        said = _Status()
    message = bounded(f"GET {path}: {status}{': ' if said.message else ''}{said.message}")
    match status:
        case 401:
            return Unauthenticated(message, remedy=_ENTRY)
        case 403:
            return AccessDenied(message, remedy=_GRANT)
        case 404:
            return NotFound(message)
        case 410:
            return Expired(message, following=said.metadata.following if said.metadata else "")
        case 429:
            return Throttled(message, remedy="the next scan tries again")
        case 502 | 503 | 504:
            return Unreachable(message, remedy="the next scan tries again; look at the cluster's health")
        case _:
            return UnexpectedAnswer(message)


class _Resource(msgspec.Struct, gc=False):
    resource: str
    verbs: list[str] | None = None


class _Version(msgspec.Struct, gc=False):
    version: str
    resources: list[_Resource] | None = None
    freshness: str | None = None


class _Name(msgspec.Struct, gc=False):
    name: str = ""


class _Group(msgspec.Struct, gc=False):
    metadata: _Name = msgspec.field(default_factory=_Name)
    versions: list[_Version] | None = None


class _Discovery(msgspec.Struct, gc=False):
    kind: str = ""
    items: list[_Group] | None = None


class _Catalogue(msgspec.Struct):
    """What discovery showed: (group, resource) → versions, and the groups whose server did not answer it."""

    versions: dict[tuple[str, str], set[str]]
    stale: set[str]


class _ListMeta(msgspec.Struct, gc=False):
    following: str | None = msgspec.field(default=None, name="continue")


class _ConfigMap(msgspec.Struct, gc=False):
    metadata: _Name | None = None
    data: dict[str, str] | None = None


class KubernetesApi:
    """A `KubernetesReader` over one server; may be used from several threads."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._lock = Lock()
        self._found: _Catalogue | ProbeError | None = None

    def serves(self, kind: Kind) -> str | None:
        """The best version of the kind that discovery shows, or None: the kind is not installed."""
        catalogue = self._catalogue()
        there = catalogue.versions.get((kind.group, kind.resource), set())
        for version in kind.versions:
            if version in there:
                return version
        if kind.group in catalogue.stale:
            raise UnexpectedAnswer(
                f"discovery: the server of API group {kind.group} did not answer",
                remedy=f"look at its APIService: kubectl get apiservices | grep {kind.group}",
            )
        if there:
            raise UnexpectedAnswer(
                f"{kind.resource}.{kind.group} is served as {', '.join(sorted(there))} only",
                remedy="update eks-readiness to a version that reads it",
            )
        return None

    def kinds(self, group: str) -> tuple[Kind, ...]:
        """Every kind of a group that discovery shows, each in all its versions."""
        catalogue = self._catalogue()
        if group in catalogue.stale:
            raise UnexpectedAnswer(f"discovery: the server of API group {group} did not answer")
        return tuple(
            Kind(group, resource, tuple(sorted(versions, reverse=True)))
            for (owner, resource), versions in sorted(catalogue.versions.items())
            if owner == group
        )

    def items(
        self,
        kind: Kind,
        item: type[T],
        /,
        *,
        metadata_only: bool = False,
        resource_version: str = "",
    ) -> Iterator[T]:
        """Every object of a kind in all namespaces, page by page; nothing when discovery does not show the kind."""
        version = self.serves(kind)
        if version is None:
            return
        root = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
        decode = _list_of(item)
        query = {"limit": str(kind.page), **({"resourceVersion": resource_version} if resource_version else {})}
        asked: set[str] = set()
        for _ in range(MAX_PAGES):
            try:
                body = self._fetch(f"{root}/{kind.resource}", query, METADATA if metadata_only else JSON)
            except Expired as error:
                if not error.following or error.following == query.get("continue"):
                    raise
                # The server goes on at the next key with newer objects: nothing is seen twice, nothing is left out
                # that was there all along. https://kubernetes.io/docs/reference/using-api/api-concepts/#410-gone-responses
                query["continue"] = error.following
                continue
            read = _decoded(decode, body, f"{root}/{kind.resource}")
            del body  # some megabytes, which nobody needs while the objects are folded
            if read.items is msgspec.UNSET or read.metadata is None:
                # Every list has both, be it empty: without them, taking it for the whole list would hide objects.
                raise UnexpectedAnswer(f"GET {root}/{kind.resource}: the answer is no list of {kind.resource}")
            yield from read.items or ()
            following = read.metadata.following
            if not following:
                return
            if following in asked:
                raise UnexpectedAnswer(f"{root}/{kind.resource}: the list turns in a circle")
            asked.add(following)
            query["continue"] = following
        raise UnexpectedAnswer(f"{root}/{kind.resource}: the list did not end after {MAX_PAGES} pages")

    def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """The data of one ConfigMap; None when it does not exist."""
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps/{quote(name, safe='')}"
        try:
            body = self._fetch(path, {}, JSON)
        except NotFound:
            return None
        found = _decoded(_CONFIG_MAP, body, path)
        if found.metadata is None or found.metadata.name != name:
            # Every object has its name, be it empty: without it, taking it for an empty one would hide what it holds.
            raise UnexpectedAnswer(f"GET {path}: the answer is not ConfigMap {name}")
        return found.data or {}

    def _catalogue(self) -> _Catalogue:
        with self._lock:
            if self._found is None:
                try:
                    self._found = self._discover()
                except ProbeError as error:
                    # Every probe would ask again, and hear the same.
                    self._found = error
        if isinstance(self._found, ProbeError):
            raise self._found
        return self._found

    def _discover(self) -> _Catalogue:
        catalogue = _Catalogue({}, set())
        for path in ("/api", "/apis"):
            answer = _decoded(_DISCOVERY, self._fetch(path, {}, DISCOVERY), path)
            if answer.kind != "APIGroupDiscoveryList":
                raise UnexpectedAnswer(
                    f"{path}: the server answers {bounded(answer.kind, 60) or 'no kind'}, not aggregated discovery",
                    remedy="Kubernetes 1.27 and newer offer it: is something else answering in its place?",
                )
            for group in answer.items or ():
                _note(group, catalogue)
        return catalogue


def _note(group: _Group, catalogue: _Catalogue) -> None:
    for version in group.versions or ():
        if version.freshness == "Stale":
            catalogue.stale.add(group.metadata.name)
        for resource in version.resources or ():
            if "list" in (resource.verbs or ()):
                key = (group.metadata.name, resource.resource)
                catalogue.versions.setdefault(key, set()).add(version.version)


_DISCOVERY = msgspec.json.Decoder(_Discovery)
_CONFIG_MAP = msgspec.json.Decoder(_ConfigMap)
_LISTS: dict[type, msgspec.json.Decoder[Any]] = {}
_BUILDING = Lock()
"""msgspec works out what a struct is made of when it first meets it, and shows others the unfinished result: threads
that meet one struct at once crash the process. So decoders are made one after another, and those of other modules when
they are imported (docs/adr/0044-decoders-are-made-by-one-thread.md)."""


def _list_of(item: type[T]) -> msgspec.json.Decoder[Any]:
    with _BUILDING:
        decoder = _LISTS.get(item)
        if decoder is not None:
            return decoder
        page = msgspec.defstruct(
            "_Page",
            [
                ("metadata", _ListMeta | None, None),
                ("items", list[item] | None | msgspec.UnsetType, msgspec.UNSET),  # type: ignore[valid-type] # known only at run time
            ],
            gc=False,
        )
        _LISTS[item] = decoder = msgspec.json.Decoder(page)
        return decoder


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes | bytearray, path: str) -> Any:
    try:
        if not body.isascii():
            # What is skipped is not looked at: a name of a field that is no text would be one that nobody knows.
            codecs.utf_8_decode(body, "strict", True)
        return decoder.decode(body)
    except (ValueError, RecursionError) as error:  # a DecodeError is a ValueError, and so is text that is not UTF-8
        raise UnexpectedAnswer(f"GET {path}: the answer cannot be read: {error}") from error
