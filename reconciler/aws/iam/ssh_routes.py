"""The permissions of the presets of `[ssh] via`: the AWS CLI opens the tunnel with them.

Sources: the Session Manager user guide, "Sample IAM policies for Session Manager" and "Enforce a
session document permission check"; the EC2 user guide, "Grant IAM permissions to use EC2 Instance
Connect Endpoint"; the service authorization reference of both.
"""

from __future__ import annotations

from reconciler.aws.iam.statements import Document, Scope, allow, is_ours
from reconciler.model import tags as t

_SESSION = "ssm:StartSession"
_ONLY_SSH = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}
"""In each statement that allows it: else a session without a document is a root shell."""
_OWN_SESSIONS = ("ssm:ResumeSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel")
"""The plugin opens the data channel, resumes it after a cut, and ends the session at a signal."""
_SEND = "ec2-instance-connect:SendSSHPublicKey"
_TUNNEL = "ec2-instance-connect:OpenTunnel"
CALLED_BY_THE_CLI = frozenset(
    {
        _SESSION,
        *_OWN_SESSIONS,
        _TUNNEL,
        "ec2:DescribeInstanceConnectEndpoints",
    }
)
"""Actions that no call of ours needs: the program of the route calls them."""


def connect(scope: Scope) -> list[Document]:
    """Open the tunnel to the services' machines."""
    return [*_sessions(scope), *_tunnels(scope), *_keys(scope, is_ours(scope))]


def connect_to_strangers(scope: Scope) -> list[Document]:
    """For `adopt`: to machines that no deploy made."""
    untagged = {"Null": {f"aws:ResourceTag/{t.ID}": "true"}}
    keys = _keys(scope, untagged, "ToAMachineThatNoDeployMade")
    if "ssm" not in scope.routes:
        return keys
    name = "StartSshSessionsOnAMachineThatNoDeployMade"
    return [allow(name, _SESSION, _machines(scope), untagged | _ONLY_SSH), *keys]


def _sessions(scope: Scope) -> list[Document]:
    """A session of the SSH document alone, to our machines alone, with its own data channel."""
    if "ssm" not in scope.routes:
        return []
    documents = [f"arn:aws:ssm:{region}::document/AWS-StartSSHSession" for region in scope.regions]
    own = [
        f"arn:aws:ssm:{region}:{scope.account}:session/${{aws:userid}}-*"
        for region in scope.regions
    ]
    ours = is_ours(scope) | _ONLY_SSH
    return [
        allow("StartSshSessionsOnOurMachines", _SESSION, _machines(scope), ours),
        allow("OnlyWithTheDocumentForSsh", _SESSION, documents, _ONLY_SSH),
        allow("UseOwnSessions", _OWN_SESSIONS, own),
    ]


def _keys(scope: Scope, whose: Document, where: str = "ToOurMachines") -> list[Document]:
    """Send a key that lives a minute, for the configured users alone."""
    if not scope.ssh_users:
        return []
    condition = {**whose, "StringEquals": {"ec2:osuser": list(scope.ssh_users)}}
    return [allow(f"SendAKeyForAMinute{where}", _SEND, _machines(scope), condition)]


def _tunnels(scope: Scope) -> list[Document]:
    """A tunnel names its endpoint, never a machine: only the port can be narrowed."""
    if "instance-connect-endpoint" not in scope.routes:
        return []
    endpoints = [
        f"arn:aws:ec2:{region}:{scope.account}:instance-connect-endpoint/*"
        for region in scope.regions
    ]
    ports = {"NumericEquals": {"ec2-instance-connect:remotePort": list(map(str, scope.ssh_ports))}}
    return [
        allow("FindTheEndpoint", "ec2:DescribeInstanceConnectEndpoints", "*"),
        allow("OpenTunnelsToSshPorts", _TUNNEL, endpoints, ports),
    ]


def _machines(scope: Scope) -> list[str]:
    return [f"arn:aws:ec2:{region}:{scope.account}:instance/*" for region in scope.regions]
