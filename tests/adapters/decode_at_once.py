"""Decodes new kinds of objects in many threads at once, as a scan's first seconds do; run as a process of its own."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import ModuleType

from eks_readiness.adapters.kubernetes_api import KubernetesApi
from eks_readiness.adapters.probe import Kind

THREADS, ROUNDS = 8, 400
DISCOVERED = (
    b'{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"apps"},"versions":[{"version":"v1",'
    b'"resources":[{"resource":"deployments","verbs":["list"]}]}]}]}'
)
NAMED = b'{"name":"a","labels":{"b":"c"}}'
INNER = b'{"metadata":' + NAMED + b',"spec":' + NAMED + b',"others":[' + NAMED + b"]}"
OBJECT = b'{"metadata":' + NAMED + b',"spec":' + INNER + b',"more":[' + INNER + b"]}"
LIST = b'{"metadata":{},"items":[' + b",".join([OBJECT] * 9) + b"]}"


SOURCE = """
from __future__ import annotations
import msgspec

class Named(msgspec.Struct, gc=False):
    name: str = ""
    labels: dict[str, str] | None = None

class Inner(msgspec.Struct, gc=False):
    metadata: Named | None = None
    spec: Named | None = None
    others: list[Named] | None = None

""" + "".join(
    f"""
class Item{number}(msgspec.Struct, gc=False):
    metadata: Named | None = None
    spec: Inner | None = None
    more: list[Inner] | None = None
"""
    for number in range(THREADS)
)


def _kinds(round_: int) -> list[type]:
    """Kinds that no thread has seen, with parts in common, written as those of the product are."""
    module = ModuleType(f"round{round_}")
    sys.modules[module.__name__] = module
    exec(SOURCE, vars(module))  # noqa: S102 - our own text, above
    return [getattr(module, f"Item{number // 4}") for number in range(THREADS)]


def main() -> int:
    """Every round has kinds that nobody decoded before, with a part in common."""
    sys.setswitchinterval(1e-6)  # threads take turns as often as they can
    with ThreadPoolExecutor(THREADS) as pool:
        for round_ in range(ROUNDS):
            items = _kinds(round_)
            api = KubernetesApi(lambda path, *_: LIST if path.endswith("deployments") else DISCOVERED)
            api.serves(Kind("apps", "deployments"))
            barrier = Barrier(THREADS)

            def read(item: type, barrier: Barrier = barrier, api: KubernetesApi = api) -> int:
                barrier.wait()
                return sum(1 for _ in api.items(Kind("apps", "deployments"), item))

            if list(pool.map(read, items)) != [9] * THREADS:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
