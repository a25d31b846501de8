"""The id of an operation: of a deploy-id's grammar, so that everything sorts by time."""

from __future__ import annotations

import secrets
from datetime import datetime

from reconciler.model.deploy_id import SUFFIX_ALPHABET, SUFFIX_LENGTH, DeployId


def operation_id(service: str, at: datetime) -> DeployId:
    """A new id, born at `at`."""
    suffix = "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(SUFFIX_LENGTH))
    return DeployId(service, at.replace(microsecond=0), suffix)
