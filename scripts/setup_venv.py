"""Builds the virtual environment with exactly what the locks say, and our commands in it.

    python3.11 scripts/setup_venv.py .venv

uv installs in a fraction of pip's time but does not read pip's settings, and a company's index
or certificate usually stands there: so they are handed on. Where uv fails, pip does the work.
Only the standard library is imported here, since nothing is installed yet.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
BROWSER = ROOT / "requirements-browser.lock"
BOOTSTRAP = ROOT / "requirements-bootstrap.lock"
NO_PIP = """\
This Python can make no virtual environment with pip in it, and has no pip of its own.
  Debian, Ubuntu   apt-get install python3.11-venv
then run `make setup` again."""

# pip's option: uv's variable
FROM_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
}


def say(text: str) -> None:
    """Tell the person who waits."""
    print(f"setup: {text}", flush=True)


def run(argv: list[str], env: dict[str, str] | None = None) -> bool:
    """Whether the command, run in the project's folder, went well; its words are shown if not."""
    done = subprocess.run(argv, cwd=ROOT, env=env, text=True, capture_output=True, check=False)
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="", file=sys.stderr)
    return done.returncode == 0


def version_of(python: Path) -> str:
    """Major and minor version of an interpreter; empty when there is none that runs."""
    code = "import sys; print(*sys.version_info[:2], sep='.')"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def make_venv(venv: Path, python: Path) -> None:
    """A virtual environment of the running Python; one that fits is kept."""
    if version_of(python) == "{}.{}".format(*sys.version_info):
        return
    say(f"{venv} with Python {sys.version.split()[0]} ({sys.executable})")
    make = [sys.executable, "-m", "venv", "--clear"]
    if has_pip(sys.executable, "ensurepip"):
        done = run([*make, str(venv)])
    else:
        done = run([*make, "--without-pip", str(venv)])
    if not done:
        raise SystemExit(NO_PIP)


def has_pip(python: str, module: str = "pip") -> bool:
    """Whether an interpreter has pip (or the module that brings it along)."""
    argv = [python, "-c", f"import {module}"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def pip_for(python: Path) -> list[str]:
    """A pip that installs into the environment: its own, or this Python's."""
    if has_pip(str(python)):
        return [str(python), "-m", "pip"]
    if has_pip(sys.executable):
        return [sys.executable, "-m", "pip", "--python", str(python)]
    raise SystemExit(NO_PIP)


def uv_environment(pip_settings: str) -> dict[str, str]:
    """The environment for uv, given what `pip config list` prints; what is set for uv wins."""
    found: dict[str, str] = {}
    for line in pip_settings.splitlines():
        name, _, value = line.partition("=")
        variable = FROM_PIP.get(name.rpartition(".")[2])
        if variable and value:
            # pip separates with blanks; files come before :env:, which wins
            found[variable] = str(ast.literal_eval(value)).strip()
    if "UV_INDEX" in found:
        # pip takes the best file of all its indexes; safe, as each file's hash is in the lock
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = ",".join(found["UV_FIND_LINKS"].split())
    if not can_cache():
        found["UV_NO_CACHE"] = "1"
    return {**found, **os.environ}


def can_cache() -> bool:
    """Whether uv can keep its downloads: not with a home that is missing or read-only."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        cache = Path(os.environ.get("UV_CACHE_DIR") or Path(home, "uv"))
        cache.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return False
    return os.access(cache, os.W_OK)


def with_uv(python: Path, pip: list[str]) -> bool:
    """Install with uv; False when it cannot be had or does not get through."""
    if not run([*pip, "install", "--quiet", "--require-hashes", "-r", str(BOOTSTRAP)]):
        return False
    settings = subprocess.run([*pip, "config", "list"], text=True, capture_output=True, check=False)
    env = uv_environment(settings.stdout)
    uv = [str(python.with_name("uv")), "pip"]
    into = ["--python", str(python), "--quiet"]
    locks = [str(LOCK), str(BOOTSTRAP), *map(str, browser_locks())]
    return run([*uv, "sync", *into, "--require-hashes", "--compile-bytecode", *locks], env) and run(
        [*uv, "install", *into, "--offline", "--no-deps", "--no-build-isolation", "-e", "."], env
    )


def browser_locks() -> list[Path]:
    """What drives a browser in the tests, where there is one that they can drive."""
    return [BROWSER] if shutil.which("chromium") else []


def with_pip(pip: list[str]) -> bool:
    """Install with pip: slower, and what is no longer in the lock stays."""
    install = [*pip, "install", "--quiet"]
    files = [part for lock in (LOCK, *browser_locks()) for part in ("-r", str(lock))]
    return run([*install, "--require-hashes", *files]) and run(
        [*install, "--no-deps", "--no-build-isolation", "-e", "."]
    )


def main() -> None:
    """Make or refresh the environment named on the command line."""
    began = time.monotonic()
    venv = Path(sys.argv[1]).absolute()
    python = venv / "bin" / "python"
    make_venv(venv, python)
    pip = pip_for(python)
    say("installing what requirements.lock names")
    if not with_uv(python, pip):
        say("uv could not do it; installing with pip, which takes a minute or two")
        if not with_pip(pip):
            raise SystemExit("setup: failed; pip's own words stand above")
    say(f"ready in {time.monotonic() - began:.0f} s; the commands are in {sys.argv[1]}/bin")


if __name__ == "__main__":
    main()
