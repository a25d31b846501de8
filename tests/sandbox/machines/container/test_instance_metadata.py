"""The metadata service answers what cloud-init asks EC2."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines.container.instance_metadata import MetadataServer, answer

SPEC = BootSpec("i-0abc", "ami-1", "127.70.0.4", b"#cloud-config\n", ("ssh-ed25519 AAAA me",))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/latest/meta-data/instance-id", "i-0abc"),
        ("/2009-04-04/meta-data/local-ipv4", "127.70.0.4"),
        ("/latest/meta-data/public-keys/", "0=key-0"),
        ("/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA me"),
        ("/latest/meta-data/placement/", "availability-zone\nregion"),
        ("/latest/user-data", "#cloud-config\n"),
        ("/latest/", "dynamic\nmeta-data"),
    ],
)
def test_what_is_there(path: str, text: str) -> None:
    """A leaf is its value, a directory its entries; keys are listed in EC2's own form."""
    found = answer(SPEC, path)
    assert found is not None
    assert found.decode().replace("/", "") == text.replace("/", "")


@pytest.mark.parametrize("path", ["/latest/meta-data/iam/", "/1999-01-01/", "/latest/user-data/x"])
def test_what_is_not_there(path: str) -> None:
    """It is 404 on EC2."""
    assert answer(SPEC, path) is None


def test_no_user_data_is_not_found() -> None:
    """As on EC2, not an empty answer."""
    assert answer(BootSpec("i-1", "ami-1", "127.0.0.9"), "/latest/user-data") is None


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A running service; with a parameter, whether a token is required."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = MetadataServer(listener, lambda: SPEC, token_required=getattr(request, "param", False))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.close()


def fetch(url: str, method: str = "GET", **headers: str) -> str:
    """The body of an answer. Raises HTTPError, closed."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers=sent)  # noqa: S310 -- ours
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as reply:
            return str(reply.read().decode())
    except urllib.error.HTTPError as refused:
        refused.close()
        raise


def test_a_token_is_asked_for_first(url: str) -> None:
    """Version 2: PUT with a lifetime, then GET with the token; a false one is refused."""
    token = fetch(f"{url}/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")
    path = f"{url}/latest/dynamic/instance-identity/document"
    document = json.loads(fetch(path, X_aws_ec2_metadata_token=token))
    assert document["instanceId"] == "i-0abc"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch(path, X_aws_ec2_metadata_token="false")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        fetch(f"{url}/latest/api/token", "PUT")


def test_version_1_answers_without(url: str) -> None:
    """cloud-init in a container asks so."""
    assert fetch(f"{url}/latest/meta-data/instance-id") == "i-0abc"


@pytest.mark.parametrize("url", [True], indirect=True)
def test_a_token_may_be_required(url: str) -> None:
    """Version 1 is off (HttpTokens=required): without a token 401, with one the answer."""
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch(f"{url}/latest/meta-data/instance-id")
    token = fetch(f"{url}/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")
    path = f"{url}/latest/meta-data/instance-id"
    assert fetch(path, X_aws_ec2_metadata_token=token) == "i-0abc"
