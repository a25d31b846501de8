"""Secrets in the SSM parameter store, read when they are needed."""

from __future__ import annotations

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws
from reconciler.errors import CloudError, ConfigError


def from_ssm(aws: Aws, path: str) -> str:
    """The decrypted value of the parameter at `path`. Raises ConfigError if it does not exist."""
    try:
        with calling("ssm:GetParameter"):
            answer = aws.ssm.get_parameter(Name=path, WithDecryption=True)
    except CloudError as error:
        if error.code != "ParameterNotFound":
            raise
        raise ConfigError(
            f"there is no SSM parameter {path} in {aws.place}",
            cure=f"aws ssm put-parameter --type SecureString --name {path} --value …",
        ) from error
    return answer["Parameter"]["Value"]
