"""The base images that the configuration names, `ssm:` references resolved, for all services.

Includes services outside this run: `--service` selects what is swept, not what is in use.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from reconciler.aws.client.session import Aws
from reconciler.aws.ssm_secrets import from_ssm
from reconciler.config.service import Service
from reconciler.errors import ConfigError, ToolError
from reconciler.gc.base_images import Bases
from reconciler.model.resource import BASE, Gap
from reconciler.model.tags import AccountRegion

FRESH = 30.0
"""Seconds that an answer stays valid: every service and every wave of a run asks for it."""

_SSM = "ssm:"


@dataclass
class BaseImages:
    """Resolves the images again if the answer is too old; one resolution at a time."""

    services: Iterable[Service]
    aws: Callable[[AccountRegion], Aws]
    _found: Bases | None = None
    _asked: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> Bases:
        """The images named now. Never raises: an image that could not be resolved is a gap."""
        with self._lock:
            if self._found is None or time.monotonic() - self._asked > FRESH:
                self._asked = time.monotonic()
                self._found = self._look()
            return self._found

    def _look(self) -> Bases:
        named: list[tuple[str, str]] = []
        gaps: list[Gap] = []
        for service in self.services:
            said = service.instance.image
            if said is None:
                continue
            try:
                named.append((self.resolve(service, said), service.name))
            except ToolError as error:
                gaps.append(Gap.of(service.place, BASE, error))
        return Bases(tuple(named), tuple(gaps))

    def resolve(self, service: Service, said: str) -> str:
        """The image's id. Raises ConfigError, CloudError, AccessDenied."""
        if not said.startswith(_SSM):
            return said
        path = said.removeprefix(_SSM)
        image = from_ssm(self.aws(service.place), path).strip()
        if not re.fullmatch(r"ami-[0-9a-f]+", image):
            raise ConfigError(
                f"instance.image of {service.name}: the SSM parameter {path} holds no image id",
                cure=f"aws ssm put-parameter --overwrite --type String --name {path} --value ami-…",
            )
        return image
