"""Where a host of machines keeps disks: images, machines, and what is being removed."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from pathlib import Path

from reconciler.errors import Refused


class DiskFolder:
    """`instances/<id>` and `images/<id>/disk` below a directory; the part of `MachineHost` for it.

    An image exists as soon as its directory does, and is ready as soon as its disk exists.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._numbers = itertools.count(1)
        for name in ("instances", "images", "trash"):
            (self._directory / name).mkdir(parents=True, exist_ok=True)

    def has_image(self, image_id: str) -> bool:
        """Whether there is a disk image of that id (ready or being copied)."""
        with contextlib.suppress(Refused):
            return self._image(image_id).is_dir()
        return False

    def image_ready(self, image_id: str) -> bool:
        """Whether its disk is whole."""
        return self.has_image(image_id) and self._disk(image_id).exists()

    def _new_image(self, image_id: str) -> Path:
        """Where the disk of a new image goes. Raises Refused where the image exists."""
        try:
            self._image(image_id).mkdir()
        except FileExistsError as error:
            raise Refused(f"there is an image {image_id} already") from error
        return self._disk(image_id)

    def _ready_disk(self, image_id: str) -> Path:
        """The disk of an image. Raises Refused where the image is not ready."""
        if not self.image_ready(image_id):
            raise Refused(f"image {image_id} has no disk")
        return self._disk(image_id)

    def _home(self, instance_id: str) -> Path:
        return self._directory / "instances" / _safe(instance_id)

    def _image(self, image_id: str) -> Path:
        return self._directory / "images" / _safe(image_id)

    def _disk(self, image_id: str) -> Path:
        return self._image(image_id) / "disk"

    def _homes(self) -> list[Path]:
        return list((self._directory / "instances").iterdir())

    def _images(self) -> list[Path]:
        return list((self._directory / "images").iterdir())

    def _to_trash(self, *paths: Path) -> list[Path]:
        """Rename what exists of the paths; the new paths remain to be removed."""
        moved = []
        for path in paths:
            target = self._directory / "trash" / f"{path.name}-{os.getpid()}-{next(self._numbers)}"
            with contextlib.suppress(FileNotFoundError):
                path.rename(target)
                moved.append(target)
        return moved


def _safe(name: str) -> str:
    """A name from a request, as one file name. Raises Refused."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", name):
        raise Refused(f"{name!r} is no id")
    return name
