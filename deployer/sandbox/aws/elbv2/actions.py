"""ELBv2 with AWS's behaviour: our actions take precedence over moto's.

After every request the balancers that run are brought in line with the state. No request carries a
precondition: the API has no compare-and-swap, the last write wins.
"""

from __future__ import annotations

from typing import Any

from botocore.model import OperationNotFoundError
from moto.elb.responses import ELBResponse
from moto.elbv2.responses import ELBV2Response

from deployer.sandbox.aws.elbv2.balancers import BalancerActions
from deployer.sandbox.aws.elbv2.listeners import ListenerActions
from deployer.sandbox.aws.elbv2.rules import RuleActions
from deployer.sandbox.aws.elbv2.running_plan import follow
from deployer.sandbox.aws.elbv2.tags import TagActions
from deployer.sandbox.aws.elbv2.target_groups import TargetGroupActions
from deployer.sandbox.aws.elbv2.targets import TargetActions
from deployer.sandbox.aws.state import cloud as clouds
from deployer.sandbox.aws.state.state_transitions import bring_up_to_date

CLASSIC = "2012-06-01"

_OURS = (
    BalancerActions,
    ListenerActions,
    RuleActions,
    TagActions,
    TargetActions,
    TargetGroupActions,
)


class StrictElbv2(*_OURS, ELBV2Response):  # type: ignore[misc]
    """moto's ELBv2, where the actions of `_OURS` take precedence."""

    def _dispatch(self, request: Any, full_url: str | None = None, headers: Any = None) -> Any:
        cloud = clouds.current()
        try:
            self.setup_class(request, full_url, headers)
            bring_up_to_date(cloud, cloud.region(self.elbv2_backend.ec2_backend))
            return self.call_action()
        except OperationNotFoundError as unknown:
            raise NotImplementedError(str(unknown)) from unknown
        finally:
            follow(cloud)


def answer_either_version(request: Any, *more: Any, **named: Any) -> Any:
    """Classic load balancers and the second version share their URLs: the version tells."""
    chosen = ELBResponse if request.values.get("Version") == CLASSIC else StrictElbv2
    return chosen.dispatch(request, *more, **named)
