"""ClientToken of RunInstances: the same request twice launches once.

Sources: EC2 Developer Guide, "Ensuring idempotency" (scope zonal when a subnet or zone is given,
else regional; other parameters: IdempotentParameterMismatch); EC2 error codes
(IdempotentInstanceTerminated).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from deployer.sandbox.aws.api.errors import bad_value, ec2_error
from deployer.sandbox.aws.state.cloud import Launch, Region

MAX_TOKEN = 64
# Parameters that AWS lets differ, and that are not part of the request (scope has the zone).
_NOT_COMPARED = frozenset({"ClientToken", "DryRun"})


def fingerprint(params: Mapping[str, Any]) -> str:
    """The request's parameters that a replay must repeat."""
    compared = {key: value for key, value in params.items() if key not in _NOT_COMPARED}
    return hashlib.sha256(json.dumps(compared, sort_keys=True, default=str).encode()).hexdigest()


def check_token(token: str) -> None:
    """At most 64 ASCII characters.

    Raises:
        EC2ClientError: it is not.
    """
    if len(token) > MAX_TOKEN or not token.isascii():
        raise bad_value("The client token must be at most 64 ASCII characters")


def replayed(region: Region, scope: str, token: str, print_: str) -> Any | None:
    """The reservation that this token created before; None for a new token.

    Raises:
        EC2ClientError: the token was used with other parameters, or its instances are gone.
    """
    launch = region.launches.get((scope, token))
    if launch is None:
        return None
    if launch.fingerprint != print_:
        text = "Arguments on this idempotent request are inconsistent with an earlier request's."
        raise ec2_error("IdempotentParameterMismatch", text)
    if all(instance.is_dying() for instance in launch.instances):
        text = "The instances of an earlier request with this client token have been terminated."
        raise ec2_error("IdempotentInstanceTerminated", text)
    return launch.reservation


def remember(region: Region, scope: str, token: str, print_: str, reservation: Any) -> None:
    """Store the reservation of this token."""
    launch = Launch(print_, reservation, tuple(reservation.instances))
    region.launches[(scope, token)] = launch
