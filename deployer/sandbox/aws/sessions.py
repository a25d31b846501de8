"""Makes botocore's sessions share what they parse.

While it is imported, moto makes three sessions to learn the names of all regions. Each would parse
the file of all endpoints by itself: nearly half of the CPU of the whole import.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import botocore.session
from botocore.loaders import Loader

from reconciler.aws.client.service_loader import PlainJson


@contextmanager
def one_loader() -> Iterator[None]:
    """Every session that is made meanwhile has the same loader (the same for each data path)."""
    made = botocore.session.create_loader

    @cache
    def shared(path: str | None = None) -> Loader:
        loader = made(path)
        loader.file_loader = PlainJson()
        return loader

    botocore.session.create_loader = shared
    try:
        yield
    finally:
        botocore.session.create_loader = made
