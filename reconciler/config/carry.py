"""The rules of `carry`, the folders whose files go from live to the new machines."""

from __future__ import annotations

from pathlib import PurePosixPath

from reconciler.config.types import RemotePath

_LEAST_PARTS = 3
"""`/srv/uploads`: a top folder holds what belongs to the machine itself."""


def check_carry(
    files: str, carry: tuple[RemotePath, ...], *, freezes: bool, fixed: tuple[str | None, ...]
) -> None:
    """Raises ValueError for folders that cannot be carried as the service is configured.

    `freezes` is whether every release refuses writes while it copies the database; `fixed` are
    paths that a release writes itself: its code, and the env file.
    """
    if (files == "carry") != bool(carry):
        raise ValueError('carry: the paths to carry go with files = "carry", and only with it')
    if not carry:
        return
    for path in carry:
        parts = PurePosixPath(path).parts
        if ".." in parts or str(PurePosixPath(path)) != path or len(parts) < _LEAST_PARTS:
            raise ValueError(f"carry: {path!r} is not a folder below a top folder, in short form")
        inside = [one for one in (*carry, *fixed) if one and _holds(path, one) and one != path]
        if inside or path in fixed or carry.count(path) > 1:
            raise ValueError(
                f"carry: {path} holds {(inside or [path])[0]}, which has an entry of its own"
            )
    if not freezes:
        raise ValueError(
            'carry: goes with [database] copy = "always" and writes = "freeze": only a database '
            "that refuses writes keeps uploads from being acknowledged after the last pass. "
            'Without one, keep the files in S3 or EFS (files = "none")'
        )


def _holds(folder: str, path: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)
