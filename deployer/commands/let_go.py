"""`deployer retire ID`: lets an adopted machine go that no release is any more.

Only our tags are taken off. The machine is what it was before `adopt`: nobody's but the user's, who
ends it. Nothing that no deploy created is deleted by us, by a command either.
"""

from __future__ import annotations

from collections.abc import Callable

from deployer.checks.service_state import survey
from deployer.ports import Ports
from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import Resource

PREFIX = "deploy-"


def let_go(ports: Ports, deploy: DeployId, confirm: Callable[[Resource], bool]) -> Resource:
    """Take our tags off the adopted machine of `deploy`. Raises Refused, CloudError, AccessDenied.

    An id that has lost its root never gets one again, so the answer may take its time.
    """
    seen = survey(ports)
    _, ledger = seen.known()
    if deploy in ledger.rooted:
        raise Refused(
            f"{deploy} stands in the ledger: its machine is not to be let go",
            cure=f"To see what it is    deployer status {deploy.service}",
        )
    verdicts = (verdict for verdict in seen.service_plan.verdicts if verdict.let_go)
    found = [verdict.resource for verdict in verdicts if verdict.resource.deploy == deploy]
    if not found:
        raise Refused(
            f"there is no adopted machine of {deploy} that a release has left",
            cure=f"To see what there is   reconciler report --service {deploy.service}",
        )
    [machine] = found
    if not confirm(machine):
        raise Refused("nothing was let go")
    ports.compute.untag(machine.id, [tag for tag in machine.tags if tag.startswith(PREFIX)])
    return machine
