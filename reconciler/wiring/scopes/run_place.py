"""Opens the place of a run: a folder, or `s3://bucket/prefix`."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ConfigError
from reconciler.ports.objects import Objects
from reconciler.sweep.scopes.disk import DiskObjects

S3 = "s3://"


def open_place(place: str) -> Objects:
    """The folder. Nothing is read before it is asked for. Raises ConfigError."""
    if not place.startswith(S3):
        return DiskObjects(Path(place))
    if not place.removeprefix(S3).partition("/")[0]:
        raise ConfigError(
            f"{place!r} names no bucket: s3://BUCKET/FOLDER is wanted",
            cure="Once more, with a bucket     --run s3://BUCKET/FOLDER",
        )
    from reconciler.aws.s3.run_objects import S3Objects  # a slow import

    return S3Objects(place)


def open_file(place: str) -> tuple[Objects, str]:
    """The folder of a file, and the file's name in it. Raises ConfigError."""
    if not place.startswith(S3):
        path = Path(place)
        return open_place(str(path.parent)), path.name
    folder, _, name = place.rpartition("/")
    if len(folder) <= len(S3) or not name:
        raise ConfigError(
            f"{place!r} names no object: s3://BUCKET/NAME.json is wanted",
            cure="Once more, with a name     --result s3://BUCKET/NAME.json",
        )
    return open_place(folder), name
