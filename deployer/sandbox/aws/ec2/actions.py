"""EC2 with AWS's behaviour: our actions take precedence over moto's.

Each mixin replaces actions that moto implements too loosely; all others are moto's. Every request
first updates the states of machines and images, so that no answer shows an outdated state.
"""

from __future__ import annotations

from typing import Any

from botocore.model import OperationNotFoundError
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from deployer.sandbox.aws.api.errors import bad_value, ec2_error
from deployer.sandbox.aws.ec2.access import AccessActions
from deployer.sandbox.aws.ec2.describe import DescribeActions
from deployer.sandbox.aws.ec2.interfaces_and_addresses import NetworkActions
from deployer.sandbox.aws.ec2.key_pairs_and_templates import NamedActions
from deployer.sandbox.aws.ec2.regions import RegionActions
from deployer.sandbox.aws.ec2.security_groups import GroupActions
from deployer.sandbox.aws.ec2.volumes import VolumeActions
from deployer.sandbox.aws.elbv2.running_plan import follow
from deployer.sandbox.aws.launch.images import ImageActions
from deployer.sandbox.aws.launch.instance_attributes import AttributeActions
from deployer.sandbox.aws.launch.lifecycle import LifecycleActions
from deployer.sandbox.aws.launch.run_instances import LaunchActions
from deployer.sandbox.aws.state.state_transitions import bring_up_to_date
from deployer.sandbox.aws.state.tags import TagActions

# These check DryRun themselves, after all other checks; for the others it is checked here.
_OURS = (
    AccessActions,
    AttributeActions,
    DescribeActions,
    GroupActions,
    ImageActions,
    LaunchActions,
    LifecycleActions,
    NamedActions,
    NetworkActions,
    RegionActions,
    TagActions,
    VolumeActions,
)


class StrictEc2(*_OURS, EC2Response):  # type: ignore[misc]
    """moto's EC2, where the actions of `_OURS` take precedence."""

    def _dispatch(self, request: Any, full_url: str | None = None, headers: Any = None) -> Any:
        try:
            self.setup_class(request, full_url, headers)
        except OperationNotFoundError:
            action = self._get_action()
            text = f"The action {action} is not valid for this web service."
            return self._refuse(ec2_error("InvalidAction", text))
        try:
            return self._answer()
        finally:
            if self._changes_groups():
                self.cloud.public.look_again()
            self.cloud.follow_routes()
            follow(self.cloud)

    def _answer(self) -> Any:
        try:
            self.refuse_elsewhere(self.region)
            bring_up_to_date(self.cloud, self.region_books)
            self._dry_run_of_moto()
            return self.call_action()
        except ServiceException as refused:
            return self._refuse(refused)
        except NotImplementedError as gap:
            if "ilter" not in str(gap):
                raise
            return self._refuse(bad_value(f"The filter is invalid ({gap})"))

    def _dry_run_of_moto(self) -> None:
        """moto executes many actions in spite of DryRun."""
        name = self._snake_action()
        if not any(name in vars(mixin) for mixin in _OURS):
            self.error_on_dryrun()

    def _changes_groups(self) -> bool:
        """Whether the action may change what is let in: group rules, or an interface's groups."""
        name = self._snake_action()
        return not name.startswith("describe") and ("security_group" in name or "attribute" in name)

    def _snake_action(self) -> str:
        from moto.core.utils import camelcase_to_underscores

        return camelcase_to_underscores(self._get_action())

    def _refuse(self, error: ServiceException) -> Any:
        return self.serialized(ActionResult(error))
