"""The base of every EC2 mixin: the parameters, moto's backend and our own state."""

from __future__ import annotations

from typing import Any

from deployer.sandbox.aws.api.filters import Filters, read_filters
from deployer.sandbox.aws.state import cloud as clouds
from deployer.sandbox.aws.state.cloud import AwsState, Region


class Ec2Base:
    """Typed access to the attributes of moto's response class, for the mixins before it."""

    # Provided by moto's response class, which follows every mixin.
    _get_param: Any
    ec2_backend: Any
    error_on_dryrun: Any
    current_account: str

    @property
    def cloud(self) -> AwsState:
        """The process's cloud."""
        return clouds.current()

    @property
    def region_books(self) -> Region:
        """Our own state of this account's region."""
        return self.cloud.region(self.ec2_backend)

    def ids(self, parameter: str) -> list[str]:
        """A list of ids without duplicates, in the given order."""
        return list(dict.fromkeys(self._get_param(parameter, []) or []))

    def filters(self) -> Filters:
        """The request's filters; EC2 uses several names for the parameter."""
        return read_filters(self._get_param("Filters", []) or self._get_param("Filter", []) or [])
