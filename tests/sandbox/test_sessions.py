"""Sessions of botocore that share what they parse, while moto is imported."""

from __future__ import annotations

import boto3
import botocore.session

from deployer.sandbox.aws.sessions import one_loader


def test_sessions_that_are_made_meanwhile_share_a_loader() -> None:
    """And say the same as others do; one that is made after that has a loader of its own."""
    with one_loader():
        first, second = (
            botocore.session.get_session().get_component("data_loader") for _ in range(2)
        )
        assert first is second
        regions = boto3.Session().get_available_regions("ec2")
    assert botocore.session.get_session().get_component("data_loader") is not first
    assert boto3.Session().get_available_regions("ec2") == regions != []
