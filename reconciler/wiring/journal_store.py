"""The journal of a service, if one is configured."""

from __future__ import annotations

from functools import partial

from reconciler.aws.s3.journal import S3Journal
from reconciler.config.loader import Settings
from reconciler.config.service import Service
from reconciler.ports.journal import JournalStore
from reconciler.wiring.edges import Edges


def journal_store(settings: Settings, edges: Edges, service: Service) -> JournalStore | None:
    """The store; None if none is configured. Opened by its first request, in its own thread."""
    place = settings.journal(service)
    return S3Journal(place, partial(edges.aws, service.place)) if place else None
