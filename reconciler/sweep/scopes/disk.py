"""The files of a run in a folder on a disk: implements `reconciler.ports.objects.Objects`."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import CloudError, ConfigError
from reconciler.ports.objects import StoredObject


@dataclass(frozen=True)
class DiskObjects:
    """A folder on a disk. A file appears whole or not at all."""

    root: Path

    def put(self, key: str, body: bytes) -> str:
        written = self._written(key, body)
        try:
            written.replace(self.root / key)
        except OSError as error:
            raise _unwritable(self.root / key, error) from error
        return _version(body)

    def put_first(self, key: str, body: bytes) -> bytes:
        written = self._written(key, body)
        try:
            os.link(written, self.root / key)  # fails where the name is taken
        except FileExistsError:
            return (self.root / key).read_bytes()
        except OSError as error:
            raise _unwritable(self.root / key, error) from error
        finally:
            written.unlink()
        return body

    def get(self, key: str) -> StoredObject | None:
        try:
            body = (self.root / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CloudError(f"{self.root / key} cannot be read: {error.strerror}") from error
        return StoredObject(body, _version(body))

    def versions(self, folder: str) -> Iterator[tuple[str, str]]:
        for path in sorted((self.root / folder).glob("*.json")):
            key = f"{folder}/{path.name}" if folder else path.name
            found = self.get(key)
            if found is not None:
                yield key, found.version

    def _written(self, key: str, body: bytes) -> Path:
        """The content in a file of another name beside the wanted one."""
        path = self.root / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
        except OSError as error:
            raise _unwritable(path, error) from error
        return Path(name)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{path} cannot be written: {error.strerror}",
        cure="name a folder that this user may write, or a bucket: s3://BUCKET/FOLDER",
    )


def _version(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
