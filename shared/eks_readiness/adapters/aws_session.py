"""The AWS session of a function: what is used of boto3's, on botocore alone.

boto3 adds file transfers and resource objects, which no function uses, and a seventh to the CPU of a start.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec
from botocore.config import Config
from botocore.loaders import JSONFileLoader, Loader
from botocore.session import get_session


class _DataFiles(JSONFileLoader):
    """Reads the SDK's models into plain dicts: its own reader makes ordered ones, at twice the time and memory."""

    def load_file(self, file_path: str) -> Any:
        """The content of a file, named without its ending; None where there is none."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return msgspec.json.decode(plain.read_bytes())
        if packed.is_file():
            return msgspec.json.decode(gzip.decompress(packed.read_bytes()))
        return None


class SdkSession:
    """Makes clients as `boto3.Session` does. One per function: the first client of each session costs the most."""

    def __init__(self) -> None:
        self._session = get_session()
        self._session.register_component("data_loader", Loader(file_loader=_DataFiles()))

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
