"""Builds what runs in Lambda: one directory per bundle, without Docker, the same bytes from the same input.

A bundle is the locked wheels for the target's Python and architecture, less what no function imports, plus the
product's own code, plus bytecode. The code directory is read-only at run time, so without bytecode every cold start
would compile everything: 2.4 times the CPU of a start (docs/adr/0005-bundles.md).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

BundleName = Literal["scan", "light"]
ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "bundles"

_ASYNCHRONOUS = (
    *("aiohappyeyeballs", "aiohttp", "aiohttp_retry", "aiosignal", "attr", "attrs"),
    *("frozenlist", "multidict", "propcache", "yarl"),
)
_CONFIGURATION_AND_MODELS = (
    *("annotated_types", "charset_normalizer", "oauthlib", "pydantic", "pydantic_core", "requests"),
    *("requests_oauthlib", "typing_inspection", "websocket"),
)
_WITHOUT_USE = (*_ASYNCHRONOUS, *_CONFIGURATION_AND_MODELS)
# Of the Kubernetes client, a function uses the connection layer: `client/configuration.py` and `client/rest.py`. Never
# used are its typed API and models, its asynchronous half, what reads kubeconfigs and watches, and what only those
# need; then type stubs, the packages' own tests and command lines.
_DROPPED = (
    *("kubernetes/[!cu_]*", "kubernetes/config", "kubernetes/client/api", "kubernetes/client/models/[!_]*"),
    *_WITHOUT_USE,
    *(f"{package}-*.dist-info" for package in _WITHOUT_USE),
    "websocket_client-*.dist-info",
    *("**/*.pyi", "**/tests", "bin", "boto3/examples", "**/__pycache__"),
)
_KUBERNETES_INIT = '"""The official client, of which this bundle holds the connection layer alone."""\n'
_QUOTED = re.compile(r"""["']([a-z0-9-]+)["']""")
_WORD = re.compile(r"\w+")
_LAPTOP = ("laptop.py",)
# Each bundle holds the functions that it serves; the light one has neither the probes nor the Kubernetes client.
FUNCTIONS: dict[BundleName, tuple[str, ...]] = {
    "scan": ("scan",),
    "light": ("dispatch", "relay", "sweep", "widget"),
}


class BundleError(Exception):
    """A bundle could not be built; the message says why and what to do."""


class Target(NamedTuple):
    """Where a bundle will run: Python's minor version, like 3.13, and the processor."""

    python: str
    architecture: Literal["arm64", "x86_64"]

    @property
    def platform(self) -> str:
        """The platform as wheels name it."""
        processor = "aarch64" if self.architecture == "arm64" else "x86_64"
        return f"{processor}-manylinux_2_28"

    @classmethod
    def here(cls) -> Target:
        """This interpreter on this machine, for a local AWS that runs functions on it."""
        import platform  # noqa: PLC0415 - only local runs ask

        processor = platform.machine()
        architecture: Literal["arm64", "x86_64"] = "arm64" if processor in {"arm64", "aarch64"} else "x86_64"
        return cls(f"{sys.version_info.major}.{sys.version_info.minor}", architecture)


def build_bundle(name: BundleName, target: Target, *, packages: Sequence[str] = (), into: Path = BUILD) -> Path:
    """Build a bundle and return its directory. Wheels are installed once per lock file and target.

    `packages` are directories or wheels with checks of one's own; only the scanner's bundle gets them.

    Raises:
        BundleError: no interpreter of the target's version, or the wheels could not be installed.
    """
    interpreter = interpreter_of(target.python)
    wheels = install_wheels(name, target, into=into)
    bundle = into / f"{name}-{target.python}-{target.architecture}"
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(wheels, bundle, symlinks=True, ignore=_other_services(wheels / "botocore" / "data"))
    _cut_models(bundle / "botocore" / "data")
    _copy_sources(bundle, name)
    added = _add_packages(packages, target, bundle, interpreter) if packages and name == "scan" else []
    _compile(bundle, interpreter, (bundle / "eks_readiness", bundle / "functions", *added))
    return bundle


def install_wheels(name: BundleName, target: Target, *, into: Path = BUILD) -> Path:
    """Install the locked wheels of a bundle, less what no function imports, unless they are there; their directory.

    Raises:
        BundleError: no interpreter of the target's version, or the wheels could not be installed.
    """
    lock = ROOT / "locks" / f"bundle-{name}.txt"
    digest = hashlib.sha256(lock.read_bytes() + repr((target, _DROPPED, _KUBERNETES_INIT)).encode()).hexdigest()[:12]
    wheels = into / f"wheels-{name}-{target.python}-{target.architecture}-{digest}"
    if not wheels.is_dir():
        _install(lock, target, wheels, interpreter_of(target.python))
    return wheels


def interpreter_of(python: str) -> str:
    """Find an interpreter of a minor version: this one, one on PATH, or one of pyenv's."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    on_path = shutil.which(f"python{python}")
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{python}.*/bin/python"), reverse=True)
    for candidate in ([sys.executable] if python == here else []) + ([on_path] if on_path else []) + [*map(str, pyenv)]:
        # A version manager's shim may stand on PATH without a version behind it: ask it.
        asked = subprocess.run([candidate, "-V"], capture_output=True, text=True, check=False)  # noqa: S603 - see above
        if asked.stdout.startswith(f"Python {python}."):
            return candidate
    message = (
        f"the functions run on Python {python}, and compiling their bytecode needs that interpreter: "
        f"put python{python} on PATH, or set `python` in eks-readiness.yaml to a version that is there"
    )
    raise BundleError(message)


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        message = "uv is not installed: run `make setup`"
        raise BundleError(message)
    return found


def _install(lock: Path, target: Target, wheels: Path, interpreter: str) -> None:
    partial = wheels.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [
        *(_uv(), "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--python", interpreter, "--python-version", target.python, "--python-platform", target.platform),
        *("--link-mode", "copy", "--target", str(partial), "--requirement", str(lock)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        message = (
            f"the wheels of {lock.name} could not be installed for {target.python} {target.architecture}: {done.stderr}"
        )
        raise BundleError(message)
    for pattern in _DROPPED:
        for found in list(partial.glob(pattern)):
            shutil.rmtree(found) if found.is_dir() else found.unlink()
    if (kubernetes := partial / "kubernetes" / "__init__.py").exists():
        # Its own imports everything that was dropped above, for whoever imports anything: a third of a start.
        kubernetes.write_text(_KUBERNETES_INIT, encoding="utf-8")
    _compile(partial, interpreter, (partial,))
    partial.rename(wheels)


def _other_services(data: Path) -> Callable[[str, list[str]], list[str]]:
    """Leave out the models of AWS services that the product's code does not name: nine tenths of the SDK.

    A service counts as named where its boto3 name stands in quotes, for whatever reason: nothing has to be listed.
    """
    named = {word for source in _sources() for word in _QUOTED.findall(source.read_text(encoding="utf-8"))}

    def ignored(directory: str, found: list[str]) -> list[str]:
        if Path(directory) != data:
            return []
        return [each for each in found if each not in named and (data / each).is_dir()]

    return ignored


def _cut_models(data: Path) -> None:
    """Leave in each service's model only the operations that the product's code names, and the shapes that these need.

    A client holds its service's whole model in memory, of which EC2's alone is a third of a scan's. As with services,
    an operation counts as named where its API name or its method's name stands in the code.
    """
    words = {word for source in _sources() for word in _WORD.findall(source.read_text(encoding="utf-8"))}
    named = {word.replace("_", "").lower() for word in words}  # DescribeImages and describe_images are one
    prefixes = set()
    for service in sorted(each for each in data.iterdir() if each.is_dir()):
        *older, newest = sorted(each for each in service.iterdir() if (each / "service-2.json.gz").exists())
        for version in older:  # the SDK takes the newest
            shutil.rmtree(version)
        packed = newest / "service-2.json.gz"
        model = json.loads(gzip.decompress(packed.read_bytes()))
        operations: dict[str, Any] = {
            name: each
            for name, each in model["operations"].items()
            if name.lower() in named or each.get("endpointoperation")
        }
        prefixes.add(model["metadata"]["endpointPrefix"])
        model["operations"] = _without_prose(operations)
        model["shapes"] = _without_prose(_shapes_of(operations, model["shapes"]))
        # Not packed again: bytes must not depend on this machine's zlib.
        packed.with_suffix("").write_text(json.dumps(model), encoding="utf-8")
        packed.unlink()
    endpoints = json.loads((data / "endpoints.json").read_text(encoding="utf-8"))
    for partition in endpoints["partitions"]:
        partition["services"] = {name: each for name, each in partition["services"].items() if name in prefixes}
    (data / "endpoints.json").write_text(json.dumps(endpoints), encoding="utf-8")


def _shapes_of(operations: dict[str, Any], shapes: dict[str, Any]) -> dict[str, Any]:
    """Every shape that can be reached from operations: inputs, outputs, errors and what these consist of."""
    left = list(_shape_names(list(operations.values())))
    found: set[str] = set()
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(_shape_names(shapes[name]))
    return {name: each for name, each in shapes.items() if name in found}


def _shape_names(part: Any) -> Iterator[str]:
    """Names of shapes that a part of a model refers to: `{"shape": name}`, at any depth."""
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for each in part.values():
            yield from _shape_names(each)
    elif isinstance(part, list):
        for each in part:
            yield from _shape_names(each)


def _without_prose(part: Any) -> Any:
    """Give the same part of a model without its documentation. A member of that name is an object, and stays."""
    if isinstance(part, dict):
        kept = {key: each for key, each in part.items() if key != "documentation" or not isinstance(each, str)}
        return {key: _without_prose(each) for key, each in kept.items()}
    if isinstance(part, list):
        return [_without_prose(each) for each in part]
    return part


def _sources() -> Iterator[Path]:
    """The product's modules that run in a function."""
    for directory in (ROOT / "shared" / "eks_readiness", ROOT / "functions"):
        yield from (each for each in directory.rglob("*.py") if each.name not in _LAPTOP and each.parent.name != "cli")


def _add_packages(packages: Sequence[str], target: Target, bundle: Path, interpreter: str) -> list[Path]:
    """Install packages with checks of one's own, without their dependencies: checks are pure and need none."""
    added = bundle.with_suffix(".added")
    shutil.rmtree(added, ignore_errors=True)
    command = [
        *(_uv(), "pip", "install", "--quiet", "--no-deps", "--python", interpreter, "--python-version", target.python),
        *("--link-mode", "copy", "--target", str(added), *packages),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - paths of the configuration
    if done.returncode:
        message = f"checklist_packages could not be installed: {done.stderr[-1000:]}"
        raise BundleError(message)
    # Where it was installed from is nobody's business, and would change the bytes from machine to machine.
    for record in [*added.glob("*.dist-info/direct_url.json"), *added.glob("*.dist-info/RECORD")]:
        record.unlink()
    moved: list[Path] = []
    for found in sorted(each for each in added.iterdir() if not each.name.startswith((".", "bin"))):
        if any((bundle / name).exists() for name in (found.stem, f"{found.stem}.py")):
            message = f"checklist_packages bring {found.name}, which the scanner has already: rename it"
            raise BundleError(message)
        moved.append(Path(shutil.move(found, bundle / found.name)))
    shutil.rmtree(added)
    return moved


def _copy_sources(bundle: Path, name: BundleName) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "cli", *_LAPTOP)
    shutil.copytree(ROOT / "shared" / "eks_readiness", bundle / "eks_readiness", ignore=ignored)
    (bundle / "functions").mkdir()
    shutil.copy(ROOT / "functions" / "__init__.py", bundle / "functions")
    for function in FUNCTIONS[name]:
        shutil.copytree(
            ROOT / "functions" / function, bundle / "functions" / function, ignore=shutil.ignore_patterns("__pycache__")
        )


def _compile(bundle: Path, interpreter: str, directories: Iterable[Path]) -> None:
    """Write bytecode that is trusted without looking at the source's time: times do not survive packing."""
    command = [
        *(interpreter, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"),
        # The path in tracebacks is the one inside the function, so that no build directory leaks into the bytes.
        *("-s", str(bundle), "-p", "/var/task"),
        *(str(directory) for directory in directories),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        message = f"bytecode could not be compiled in {bundle.name}: {done.stdout[-500:]}"
        raise BundleError(message)
