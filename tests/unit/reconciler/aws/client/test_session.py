"""Clients only for the right account, by whatever credentials there are."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import JSONFileLoader, Loader
from botocore.session import Session

from reconciler.aws.client.service_loader import LOADER, Descriptions, PlainJson
from reconciler.aws.client.session import Aws
from reconciler.aws.ssm_secrets import from_ssm
from reconciler.errors import AccessDenied, CloudError, ConfigError
from tests.support.aws_api import PLACE, Api


def asked(api: Api, action: str) -> int:
    """How often an action was asked for."""
    return sum(action in str(entry) for entry in api.server.journal.since(0))


def test_the_wrong_account_is_refused(api: Api) -> None:
    """Before anything else, and with both accounts named."""
    other = Aws(replace(PLACE, account="999999999999"))
    with pytest.raises(AccessDenied, match="999999999999") as caught:
        _ = other.ec2
    assert PLACE.account in caught.value.message
    assert asked(api, "DescribeInstances") == 0


def test_the_account_is_asked_for_once(api: Api) -> None:
    """However many clients and threads there are."""
    aws = Aws(PLACE)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(aws.ec2)) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(found), len({id(one) for one in found})) == (8, 1)
    assert aws.route53 is not aws.route53_once
    assert asked(api, "GetCallerIdentity") == 1


def test_clients_are_made_while_sts_answers_and_given_to_nobody(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request is sent before it is the right account; where it is another, none ever is."""
    made: list[str] = []
    create = Session.create_client

    def told(session: Session, service: str, **more: Any) -> Any:
        made.append(service)
        return create(session, service, **more)

    monkeypatch.setattr(Session, "create_client", told)
    aws = Aws(PLACE)
    aws.verify("ec2", "route53")
    assert made == ["sts", "ec2", "route53"]
    aws.ec2.describe_vpcs()
    assert made == ["sts", "ec2", "route53"]
    other = Aws(replace(PLACE, account="999999999999"))
    with pytest.raises(AccessDenied):
        other.verify("ec2")
    with pytest.raises(AccessDenied):
        _ = other.ec2
    actions = [entry["action"] for entry in api.server.journal.since(0)]
    assert actions == [
        "GetCallerIdentity",
        "DescribeVpcs",
        "GetCallerIdentity",
        "GetCallerIdentity",
    ]


def test_reads_are_retried_and_creates_are_not(api: Api) -> None:
    """A create's retry must be ours, with its token fixed."""
    api.fault("DescribeVpcs", "error500", times=2)
    api.aws.ec2.describe_vpcs()
    api.fault("DescribeVpcs", "error500")
    with pytest.raises(Exception, match="InternalError"):
        api.aws.ec2_once.describe_vpcs()


@pytest.mark.usefixtures("api")
def test_a_role_of_the_right_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The role is assumed from the ambient credentials; then it is the one that counts."""
    other = replace(PLACE, account="222233334444")
    role = f"arn:aws:iam::{other.account}:role/sweeper"
    Aws(other, role=role).verify()
    with pytest.raises(AccessDenied, match="wrong account"):
        Aws(PLACE, role=role).verify()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(AccessDenied, match="no AWS credentials"):
        Aws(other, role=role).verify()


@pytest.mark.usefixtures("api")
def test_no_credentials_and_unknown_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, with what to do next."""
    with pytest.raises(ConfigError, match="nobody"):
        Aws(PLACE, profile="nobody").verify()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(AccessDenied, match="no AWS credentials") as caught:
        Aws(PLACE).verify()
    assert caught.value.cure


def test_a_failed_check_is_asked_again(api: Api) -> None:
    """A bad minute at the start does not condemn a long-running process."""
    api.fault("GetCallerIdentity", "error", code="ExpiredToken")
    aws = Aws(PLACE)
    with pytest.raises(AccessDenied, match="expired"):
        aws.verify()
    aws.verify()


def test_parameters_are_secrets(api: Api) -> None:
    """A SecureString comes decrypted; one that is missing is a matter of configuration."""
    api.aws.ssm.put_parameter(Name="/shop/db", Value="postgres://x", Type="SecureString")
    assert from_ssm(api.aws, "/shop/db") == "postgres://x"
    with pytest.raises(ConfigError, match="/shop/nothing"):
        from_ssm(api.aws, "/shop/nothing")
    api.fault("GetParameter", "error", code="InternalServerError")
    with pytest.raises(CloudError):
        from_ssm(api.aws, "/shop/db")


def test_descriptions_are_read_as_botocore_reads_them() -> None:
    """Plain or packed, in the same order; what is not there is None."""
    data = Path(botocore.__file__).parent / "data"
    for name in ("endpoints", "sts/2011-06-15/service-2", "ec2/2016-11-15/paginators-1"):
        plain, theirs = (one.load_file(str(data / name)) for one in (PlainJson(), JSONFileLoader()))
        assert plain
        assert json.dumps(plain) == json.dumps(theirs)
    assert PlainJson().load_file(str(data / "nothing")) is None


def test_a_service_is_found_without_a_look_at_all_the_others() -> None:
    """Also one that only botocore asks for (a login by SSO); what is none is refused as ever."""
    own = Loader()
    for service in ("ec2", "sso", "sso-oidc", "dynamodb"):
        model = LOADER.load_service_model(service, "service-2")
        assert model == own.load_service_model(service, "service-2")
    assert "sts" in LOADER.list_available_services("service-2")
    assert "sts" not in LOADER.list_available_services("no-such-type")
    assert list(LOADER.list_available_services("service-2")) == own.list_available_services(
        "service-2"
    )
    with pytest.raises(UnknownServiceError, match=r"no-such.*dynamodb"):
        LOADER.load_service_model("no-such", "service-2")


def test_a_description_that_many_threads_want_is_read_once() -> None:
    """While one reads it the others wait for it; another description's readers do not wait."""
    read: list[str] = []
    reading, may_end = threading.Event(), threading.Event()

    class Slow(PlainJson):
        def load_file(self, file_path: str) -> Any:
            name = Path(file_path).parent.parent.name
            if Path(file_path).name == "service-2":
                read.append(name)
                if name == "sts":
                    reading.set()
                    assert may_end.wait(10)
            return super().load_file(file_path)

    loader = Descriptions(file_loader=Slow())
    models: list[object] = []
    threads = [
        threading.Thread(
            target=lambda: models.append(loader.load_service_model("sts", "service-2"))
        )
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    assert reading.wait(10)
    assert loader.load_service_model("sns", "service-2")
    may_end.set()
    for one in threads:
        one.join(10)
    assert sorted(read) == ["sns", "sts"]
    assert (len(models), len({id(one) for one in models})) == (4, 1)
