"""The permission that only services with an Elastic IP need."""

from __future__ import annotations

from reconciler.aws.iam.statements import Document, Scope, allow

_MOVE = "ec2:AssociateAddress"


def follow(scope: Scope) -> list[Document]:
    """Move the services' own addresses, and no others, to a machine.

    AWS checks the address and where it goes. The interface of an adopted machine has none of our
    tags, so the second part has no condition: which address moves is what has to be restricted.
    """
    if not scope.elastic_ips:
        return []
    to = [
        f"arn:aws:ec2:{region}:{scope.account}:{kind}/*"
        for region in scope.regions
        for kind in ("instance", "network-interface")
    ]
    return [allow("LetTheElasticIpFollowTheLedger", _MOVE, [*scope.elastic_ips, *to])]
