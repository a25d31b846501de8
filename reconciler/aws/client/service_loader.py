"""Loads botocore's service descriptions in less time, and each of them once.

They are most of the cost of creating a client, and a command that runs for a second creates four.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import DataNotFoundError
from botocore.loaders import JSONFileLoader, Loader


class PlainJson(JSONFileLoader):
    """Loads botocore's descriptions as plain dicts (which are ordered), in half the time."""

    def load_file(self, file_path: str) -> Any:
        """The value of the file `file_path` plus `.json` or `.json.gz`; None if there is none."""
        for path, opened in ((f"{file_path}.json", open), (f"{file_path}.json.gz", gzip.open)):
            if Path(path).is_file():
                with opened(path, "rb") as file:
                    return json.load(file)
        return None


class Descriptions(Loader):
    """botocore's loader, without its search of the folders of 400 services for one service.

    Threads that want the same description at once wait for the first of them: botocore's would each
    read EC2's, which takes 30 MB, and each client would keep its own.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lock = threading.Lock()
        self._reading: dict[str, threading.Lock] = {}

    def load_data_with_path(self, name: str) -> Any:
        """The description of that name, such as `ec2/2016-11-15/service-2`, and its file."""
        with self._lock:
            turn = self._reading.setdefault(name, threading.Lock())
        with turn:
            return super().load_data_with_path(name)

    def list_available_services(  # type: ignore[override]  # all that botocore asks of it
        self, type_name: str
    ) -> Described:
        """The services with a description of that type (`service-2`, `paginators-1`, …)."""
        return Described(self, type_name)

    def every_service(self, type_name: str) -> list[str]:
        """All service names, sorted; slow."""
        names: list[str] = super().list_available_services(type_name)
        return names


@dataclass(frozen=True)
class Described:
    """Answers whether a service exists by searching for that service alone."""

    loader: Descriptions
    type_name: str

    def __contains__(self, service: str) -> bool:
        try:
            return bool(self.loader.list_api_versions(service, self.type_name))
        except DataNotFoundError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self.loader.every_service(self.type_name))


LOADER = Descriptions(file_loader=PlainJson())
"""Shared: the description of EC2 has four million characters."""
