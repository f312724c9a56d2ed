"""The AWS session of a function: what is used of boto3's, on botocore alone.

boto3 adds file transfers and resource objects, which no function uses, and a seventh to the CPU of a start.
"""

from __future__ import annotations

from typing import Any

from botocore.config import Config
from botocore.session import get_session


class SdkSession:
    """Makes clients as `boto3.Session` does. One per function: the first client of each session costs the most."""

    def __init__(self) -> None:
        self._session = get_session()

    def client(self, service: str, *, region_name: str | None = None, config: Config | None = None) -> Any:
        """The client of a service, in the environment's region unless another is named."""
        return self._session.create_client(service, region_name=region_name, config=config)

    def get_credentials(self) -> Any:
        """The credentials of the environment; None where there are none."""
        return self._session.get_credentials()

    def get_partition_for_region(self, region: str) -> str:
        """The partition that has a region."""
        return str(self._session.get_partition_for_region(region))

    @property
    def events(self) -> Any:
        """The hooks around each signature."""
        return self._session.get_component("event_emitter")
