"""A local AWS (ministack) as a child process, on loopback, with the CDK command line pointed at it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import boto3

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-ministack" / "bin" / "python"
LAUNCHER = Path(__file__).with_name("ministack_launcher.py")
ACCOUNT = "111122223333"
REGION = "eu-west-1"
_START_SECONDS = 40


class LocalAwsError(Exception):
    """The local AWS, or a command against it, failed; the message holds the end of its output."""


class LocalAws:
    """One ministack with a directory of its own; a context manager."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="eks-readiness-"))
        self.log = self.directory / "local-aws.log"
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        # The CDK's command line remembers accounts by access key: each local AWS needs another one.
        self.credentials = {
            "AWS_ACCESS_KEY_ID": f"LOCAL{uuid4().hex[:12].upper()}",
            "AWS_SECRET_ACCESS_KEY": "local-secret-key",
        }
        scratch = self.directory / "tmp"
        scratch.mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "TMPDIR": str(scratch),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # its own session: it is stopped with its children
                [PYTHON, LAUNCHER],
                env=environment,
                cwd=self.directory,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command that talks to this AWS and to no other."""
        home = self.directory / "cdk"
        return {
            # Where packages for the bundles come from, and whose certificates are trusted there, the user has set.
            **{name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_CERT_"))},
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "CDK_HOME": str(home),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
            "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
            **self.credentials,
        }

    def client(self, service: str) -> Any:
        """A boto3 client of this AWS."""
        session: Any = boto3.Session()  # its stubs know services only by their literal names
        return session.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=self.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.credentials["AWS_SECRET_ACCESS_KEY"],
        )

    def run(
        self, *command: str, environment: Mapping[str, str] | None = None, at: Path = ROOT, seconds: float = 300
    ) -> str:
        """Run a command against this AWS in a directory; returns what it wrote to standard output.

        Raises:
            LocalAwsError: it failed.
        """
        done = subprocess.run(
            command,
            env={**self.environment, **(environment or {})},
            cwd=at,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            said = f"{done.stderr[-4000:]}{done.stdout[-2000:]}"
            raise LocalAwsError(f"{' '.join(command)}: exit code {done.returncode}\n{said}")
        return done.stdout

    def cdk(self, *arguments: str, environment: Mapping[str, str], at: Path = ROOT) -> str:
        """Run the real CDK command line in a directory."""
        return self.run(str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments, environment=environment, at=at)

    def close(self) -> None:
        """Stop it, with everything that it started, and remove its directory."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _wait(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=1):  # noqa: S310 - loopback
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise LocalAwsError(f"the local AWS did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
