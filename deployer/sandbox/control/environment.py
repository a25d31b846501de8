"""The environment variables that direct a client to the sandbox as its cloud."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from deployer.sandbox.control.state import Places, SandboxState

ACCOUNT = "123456789012"
REGION = "eu-west-1"

BASTION = "bastion"
"""The `Name` of the machine through which the others are reached, in the shape `private`."""

UNWANTED = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
"""Variables of a real account that would interfere, and must be unset."""


def environment(state: SandboxState, places: Places) -> dict[str, str]:
    """The variables that AWS tools and our commands read, `deployer sandbox` itself too."""
    return {
        "AWS_ENDPOINT_URL": state.endpoint,
        "AWS_ACCESS_KEY_ID": state.access_key,
        "AWS_SECRET_ACCESS_KEY": state.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "DEPLOY_CONFIG": str(places.config),
        "SANDBOX_DIR": str(places.root),
    }


def exports(variables: Mapping[str, str]) -> str:
    """Lines for `eval "$(deployer sandbox env)"`."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([f"unset {' '.join(UNWANTED)}", *lines])


def apply(base: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """`base` with the sandbox's variables added and interfering ones removed."""
    return {k: v for k, v in base.items() if k not in UNWANTED} | dict(variables)
