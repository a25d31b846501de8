"""What every EC2 mixin works with: the parameters, moto's backend and our books beside it."""

from __future__ import annotations

from typing import Any

from deployer.sandbox.aws.api.filters import Filters, read_filters
from deployer.sandbox.aws.state import cloud as clouds
from deployer.sandbox.aws.state.cloud import Cloud, Region


class Ec2Base:
    """Typed access to what moto's response class has, for the mixins before it."""

    # Given by moto's response class, which stands behind every mixin.
    _get_param: Any
    ec2_backend: Any
    error_on_dryrun: Any
    current_account: str

    @property
    def cloud(self) -> Cloud:
        """The process's cloud."""
        return clouds.current()

    @property
    def region_books(self) -> Region:
        """Our books on this account's region."""
        return self.cloud.region(self.ec2_backend)

    def ids(self, parameter: str) -> list[str]:
        """A list of ids, each once, in the order given."""
        return list(dict.fromkeys(self._get_param(parameter, []) or []))

    def filters(self) -> Filters:
        """The request's filters; EC2 is not of one mind about the parameter's name."""
        return read_filters(self._get_param("Filters", []) or self._get_param("Filter", []) or [])
