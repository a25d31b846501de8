"""Wheels of what is installed here, so that pip can install it again without any registry."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, PackagePath, distribution
from pathlib import Path

_NOT_IN_WHEELS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


def wheel(name: str, folder: Path) -> Path:
    """The installed distribution as a wheel; its commands are made anew by who installs it."""
    found = distribution(name)
    files = [one for one in found.files or () if _belongs(one)]
    (info,) = {one.parts[0] for one in files if one.parts[0].endswith(".dist-info")}
    path = folder / f"{info.removesuffix('.dist-info')}-{_tag(found)}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for one in files:
            archive.write(str(one.locate()), one.as_posix())
        archive.writestr(f"{info}/RECORD", "".join(_record(one) for one in files))
    return path


def locked(lock: str, wheels: Iterable[Path]) -> str:
    """The lock with these wheels' hashes instead of the registry's; its versions stay."""
    digests = {
        _normal(path.name.split("-")[0]): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in wheels
    }
    requirements = re.findall(r"^(\S+?)==(\S+)", lock, re.MULTILINE)
    return "".join(
        f"{name}=={version} --hash=sha256:{digests[_normal(name)]}\n"
        for name, version in requirements
        if _normal(name) in digests
    )


def _belongs(file: PackagePath) -> bool:
    """Neither a command nor byte code, nor what the installer noted."""
    return (
        ".." not in file.parts
        and "__pycache__" not in file.parts
        and file.name not in _NOT_IN_WHEELS
    )


def _tag(found: Distribution) -> str:
    """The compressed tag of the file's name."""
    tags = re.findall(r"^Tag: (\S+)$", found.read_text("WHEEL") or "", re.MULTILINE)
    parts = zip(*(tag.split("-") for tag in tags), strict=True)
    return "-".join(".".join(dict.fromkeys(part)) for part in parts)


def _record(file: PackagePath) -> str:
    content = Path(str(file.locate())).read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{file.as_posix()},sha256={digest},{len(content)}\n"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
