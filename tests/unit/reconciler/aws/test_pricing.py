"""The Pricing API, as botocore's own description of it has it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from botocore.stub import ANY, Stubber

from reconciler.aws.client.session import Aws
from reconciler.aws.pricing import QUESTIONS, fetch
from reconciler.errors import AccessDenied, CloudError
from tests.support.aws_api import Api
from tests.unit.reconciler.cost.test_price_list import product

REGION = "eu-west-1"


def test_every_question_is_asked_to_its_last_page(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By filters that all must match, of the region that was asked for."""
    client = api.aws.in_region("us-east-1").pricing
    with Stubber(client) as stub:
        for code, wanted in QUESTIONS:
            match = {**wanted, "regionCode": REGION}
            filters = [
                {"Type": "TERM_MATCH", "Field": name, "Value": value}
                for name, value in match.items()
            ]
            asked = {"ServiceCode": code, "Filters": filters, "MaxResults": 100}
            first, last = (
                product(
                    "Compute Instance",
                    "0.1",
                    operatingSystem="Linux",
                    instanceType=f"{number}.{len(wanted)}.{code}",
                )
                for number in (1, 2)
            )
            stub.add_response("get_products", {"PriceList": [first], "NextToken": "more"}, asked)
            stub.add_response("get_products", {"PriceList": [last]}, {**asked, "NextToken": "more"})
        monkeypatch.setattr(Aws, "client", lambda *_: client)
        found = fetch(api.aws, REGION)
        stub.assert_no_pending_responses()
    assert set(found.values()) == {Decimal("0.1")}


def test_an_answer_that_is_not_understood(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error, never a price."""
    client = api.aws.in_region("us-east-1").pricing
    with Stubber(client) as stub:
        stub.add_response(
            "get_products",
            {"PriceList": ["<html>"]},
            {"ServiceCode": ANY, "Filters": ANY, "MaxResults": ANY},
        )
        monkeypatch.setattr(Aws, "client", lambda *_: client)
        with pytest.raises(CloudError, match="not what was expected"):
            fetch(api.aws, REGION)


def test_a_permission_that_is_withheld(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The action is named, and it is a matter of access."""
    client = api.aws.in_region("us-east-1").pricing
    with Stubber(client) as stub:
        stub.add_client_error("get_products", "AccessDeniedException", "no", 400)
        monkeypatch.setattr(Aws, "client", lambda *_: client)
        with pytest.raises(AccessDenied, match="pricing:GetProducts is denied"):
            fetch(api.aws, REGION)
