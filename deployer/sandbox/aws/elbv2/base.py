"""The base of every ELBv2 mixin: parameters, moto's backend, errors, names, pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from moto.elbv2.exceptions import ELBClientError

from deployer.sandbox.aws.state import cloud as clouds
from deployer.sandbox.aws.state.cloud import AwsState

MOST_ON_A_PAGE = 400
_NAME = re.compile(r"[A-Za-z0-9-]{1,32}")
T = TypeVar("T")


class Elbv2Base:
    """Typed access to the attributes of moto's response class, for the mixins before it."""

    # Provided by moto's response class, which follows every mixin.
    _get_param: Any
    params: Any
    elbv2_backend: Any

    @property
    def cloud(self) -> AwsState:
        """The process's cloud."""
        return clouds.current()

    def _get_params(self) -> Any:
        """The parameters by their types; moto's own method returns texts."""
        return dict(self.params)

    def page(self, things: Sequence[T]) -> tuple[list[T], str | None]:
        """The request's page of `things` and the marker of the next one."""
        size = int(self._get_param("PageSize", MOST_ON_A_PAGE))
        if not 1 <= size <= MOST_ON_A_PAGE:
            raise invalid(f"The page size must be between 1 and {MOST_ON_A_PAGE}")
        marker = self._get_param("Marker")
        arns = [str(one.arn) for one in things]  # type: ignore[attr-defined]  # all have one
        if marker and marker not in arns:
            raise invalid("The marker is not valid")
        start = arns.index(marker) + 1 if marker else 0
        more = len(things) > start + size
        return list(things[start : start + size]), arns[start + size - 1] if more else None


def elb_error(code: str, message: str) -> ELBClientError:
    """An ELBv2 client error; its HTTP status comes from the API model."""
    return ELBClientError(code, message)


def invalid(message: str) -> ELBClientError:
    """ValidationError."""
    return elb_error("ValidationError", message)


def check_name(what: str, name: str) -> None:
    """A balancer's or group's name: 1 to 32 letters, digits and hyphens, no hyphen at an end.

    Raises:
        ELBClientError: ValidationError.
    """
    if len(name) > 32:
        raise invalid(f"{what} name '{name}' cannot be longer than '32' characters")
    if not _NAME.fullmatch(name):
        text = "can only contain characters that are alphanumeric characters or hyphens(-)"
        raise invalid(f"{what} name '{name}' {text}")
    if name.startswith("-") or name.endswith("-"):
        raise invalid(f"{what} name '{name}' cannot begin or end with '-'")
