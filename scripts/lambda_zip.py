"""Builds the one artefact of the Lambda function: the locked wheels, the product, a configuration.

    PYTHONPATH=. .venv/bin/python scripts/lambda_zip.py OUTPUT [CONFIG [PYTHON]]

The wheels are those of requirements-runtime.lock, with their hashes, for Amazon Linux on x86_64. Of
botocore's descriptions of 400 services only those stay that the reconciler asks. The archive is
reproducible: the same input gives the same bytes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = str(Path(sys.executable).with_name("uv"))
PYTHON = "3.13"
PLATFORM = "x86_64-manylinux_2_28"
SERVICES = (
    *("ec2", "ec2-instance-connect", "elbv2", "pricing", "rds"),
    *("route53", "s3", "sns", "ssm", "sts"),
)
LARGEST = 250 * 2**20
"""Bytes, unpacked: the limit of a function's package."""

_LEFT_OUT = ("__pycache__", "bin", "share", "hatchling", "pip", "setuptools")


def build(output: Path, config: Path, python: str = PYTHON) -> int:
    """Write the archive; returns how many bytes it has unpacked."""
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder) / "task"
        _install(task, python)
        _prune(task / "botocore" / "data")
        shutil.copytree(config, task / "config")
        files = sorted(_files(task))
        size = sum(path.stat().st_size for path in files)
        if size > LARGEST:
            sys.exit(f"{size} bytes unpacked; a function takes {LARGEST}")
        output.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                entry = zipfile.ZipInfo(str(path.relative_to(task)))
                entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return size


def _install(task: Path, python: str) -> None:
    target = ("--target", str(task), "--python-version", python, "--python-platform", PLATFORM)
    pip = (UV, "pip", "install", "--quiet", "--only-binary", ":all:", *target)
    subprocess.run(
        [*pip, "--require-hashes", "-r", str(ROOT / "requirements-runtime.lock")], check=True
    )
    with tempfile.TemporaryDirectory() as wheels:
        hatch = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels)
        subprocess.run(hatch, cwd=ROOT, check=True, capture_output=True)
        (wheel,) = Path(wheels).glob("*.whl")
        subprocess.run([*pip, "--no-deps", str(wheel)], check=True)


def _prune(data: Path) -> None:
    """Remove the descriptions of services that nothing asks."""
    for path in data.iterdir():
        if path.is_dir() and path.name not in SERVICES:
            shutil.rmtree(path)


def _files(task: Path) -> Iterator[Path]:
    for path in task.rglob("*"):
        parts = path.relative_to(task).parts
        if path.is_file() and not any(part in _LEFT_OUT for part in parts):
            yield path


def main() -> None:
    """Build, and say how large it is."""
    output, config, python, *_ = (
        *sys.argv[1:],
        *("dist/lambda.zip", "config", PYTHON)[len(sys.argv) - 1 :],
    )
    size = build(Path(output), Path(config), python)
    packed = Path(output).stat().st_size
    print(f"{output}: {packed / 2**20:.0f} MiB, {size / 2**20:.0f} MiB unpacked, Python {python}")


if __name__ == "__main__":
    main()
