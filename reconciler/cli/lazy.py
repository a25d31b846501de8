"""Commands that are imported only when they are run, so that `--help` stays instant."""

from __future__ import annotations

import importlib
from typing import Any

import click

from reconciler.errors import ConfigError


class Lazy(click.Command):
    """A command that is imported only when it runs, so that `--help` is fast."""

    def __init__(self, name: str, target: str, short_help: str, extra: str = "") -> None:
        super().__init__(name, short_help=short_help)
        self._target = target
        self._extra = extra

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        module, _, attribute = self._target.partition(":")
        try:
            real: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if not self._extra or (error.name or "").startswith(("deployer", "reconciler")):
                raise
            raise _not_installed(self.name, self._extra, error) from error
        return real.make_context(info_name, args, parent, **extra)


def _not_installed(command: str | None, extra: str, error: ModuleNotFoundError) -> ConfigError:
    """A command whose libraries come with an extra of the package."""
    return ConfigError(
        f"`{command}` is not installed: the Python package {error.name} is missing",
        cure=f"pip install 'deploysweep[{extra}]'\nor, in a checkout   pip install '.[{extra}]'",
    )
