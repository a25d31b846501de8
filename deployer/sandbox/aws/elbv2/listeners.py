"""Listeners: a port and its default action.

Sources: CreateListener, ModifyListener (replaces the properties that are given: of DefaultActions
the whole list), DescribeListeners, DeleteListener; Application Load Balancers guide, "Listeners"
(protocols, ports 1 to 65535).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moto.core.responses import ActionResult
from moto.elbv2.models import FakeAction
from moto.moto_api._internal import mock_random

from deployer.sandbox.aws.elbv2.associations import check_groups
from deployer.sandbox.aws.elbv2.base import Elbv2Base, elb_error, invalid
from deployer.sandbox.aws.elbv2.forwarding import read_actions
from deployer.sandbox.aws.elbv2.tags import read_tags

PROTOCOLS = {"application": "HTTP", "network": "TCP"}
ENCRYPTED = ("HTTPS", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")


def written(actions: Sequence[dict[str, Any]]) -> list[FakeAction]:
    """Actions in moto's form."""
    return [FakeAction(action) for action in actions]


class ListenerActions(Elbv2Base):
    """CreateListener, ModifyListener, DescribeListeners."""

    def create_listener(self) -> ActionResult:
        """One listener a port; its default action must be possible."""
        params = self.params
        balancer = self._balancer(params.get("LoadBalancerArn"))
        port, protocol = self._where(balancer, params)
        read_tags(params.get("Tags") or ())
        actions = read_actions(params.get("DefaultActions") or ())
        check_groups(self.elbv2_backend, balancer, protocol, actions)
        listener = self.elbv2_backend.create_listener(
            load_balancer_arn=balancer.arn,
            protocol=protocol,
            port=port,
            ssl_policy=None,
            certificate=None,
            actions=actions,
            tags=params.get("Tags"),
        )
        default = listener.arn.replace(":listener/", ":listener-rule/")
        default_rule(listener).arn = f"{default}/{mock_random.get_random_hex(16)}"
        return ActionResult({"Listeners": [listener]})

    def modify_listener(self) -> ActionResult:
        """What is not given stays; a list that is given replaces the old one."""
        params = self.params
        (listener,) = find_listeners(self.elbv2_backend, [str(params.get("ListenerArn"))])
        balancer = self._balancer(listener.load_balancer_arn)
        port, protocol = listener.port, listener.protocol
        if params.get("Port") is not None or params.get("Protocol") is not None:
            given = {"Port": port, "Protocol": protocol, **params}
            port, protocol = self._where(balancer, given, besides=listener)
        if "DefaultActions" in params:
            actions = read_actions(params["DefaultActions"])
            check_groups(self.elbv2_backend, balancer, protocol, actions)
            listener.default_actions = default_rule(listener).actions = written(actions)
        listener.port, listener.protocol = port, protocol
        return ActionResult({"Listeners": [listener]})

    def describe_listeners(self) -> ActionResult:
        """Of a balancer, or by ARN: one that does not exist fails the call."""
        arn, arns = self._get_param("LoadBalancerArn"), self._get_param("ListenerArns", [])
        if bool(arn) == bool(arns):
            raise invalid("You must specify either listener ARNs or a load balancer ARN")
        found = (
            list(self._balancer(arn).listeners.values())
            if arn
            else find_listeners(self.elbv2_backend, arns)
        )
        page, marker = self.page(found)
        return ActionResult({"Listeners": page, "NextMarker": marker})

    def _balancer(self, arn: Any) -> Any:
        balancer = self.elbv2_backend.load_balancers.get(arn)
        if balancer is None:
            raise elb_error("LoadBalancerNotFound", f"Load balancer '{arn}' not found")
        return balancer

    def _where(self, balancer: Any, params: Any, besides: Any = None) -> tuple[int, str]:
        protocol = str(params.get("Protocol") or "")
        if protocol in ENCRYPTED:
            raise NotImplementedError(f"listeners of protocol {protocol}")
        if protocol != PROTOCOLS[balancer.type]:
            text = f"Listener protocol '{protocol}' must be one of '{PROTOCOLS[balancer.type]}'"
            raise invalid(text)
        port = int(params.get("Port") or 0)
        if not 1 <= port <= 65535:
            raise invalid("A listener port must be specified, between 1 and 65535")
        others = [one for one in balancer.listeners.values() if one is not besides]
        if any(one.port == port for one in others):
            raise elb_error("DuplicateListener", f"A listener on port {port} already exists")
        return port, protocol


def find_listeners(backend: Any, arns: list[str]) -> list[Any]:
    """The listeners of these ARNs: all of them, or an error.

    Raises:
        ELBClientError: ListenerNotFound.
    """
    balancers = backend.load_balancers.values()
    known = {arn: one for balancer in balancers for arn, one in balancer.listeners.items()}
    if not known.keys() >= set(arns):
        raise elb_error("ListenerNotFound", "One or more listeners not found")
    return [known[arn] for arn in arns]


def default_rule(listener: Any) -> Any:
    """The rule that holds the default action: DescribeRules lists it, ModifyListener changes it."""
    return listener._default_rule[0]  # noqa: SLF001  # moto has no other access to it
