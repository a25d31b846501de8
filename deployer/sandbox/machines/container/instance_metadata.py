"""The instance metadata service of a machine: what EC2 answers on 169.254.169.254.

Only what cloud-init and a release ask: identity, addresses, keys and user data. Its source is AWS's
guide, "Access instance metadata for an EC2 instance": a token by PUT with a lifetime, then GET with
that token; a directory lists its entries, with a slash behind those that are directories. Version 1
answers without a token: in a container cloud-init does not see that this is EC2, and uses that.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Union

from deployer.sandbox.machine_host import BootSpec

PORT = 80
_REGION = "eu-central-1"
_ZONE = f"{_REGION}a"
_VERSIONS = ("1.0", "2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23", "latest")
_TTL = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "X-aws-ec2-metadata-token"  # noqa: S105 -- the header's name

Tree = Mapping[str, Union[str, "Tree"]]


def mac(spec: BootSpec) -> str:
    """The hardware address of its network."""
    return f"02:00:00:00:{int(spec.address.split('.')[-1]):02x}:01"


def tree(spec: BootSpec) -> Tree:
    """Everything below a version, but the user data."""
    host = "ip-" + spec.address.replace(".", "-")
    interface = {"device-number": "0", "local-ipv4s": spec.address, "mac": mac(spec)}
    meta: dict[str, str | Tree] = {
        "ami-id": spec.image_id,
        "ami-launch-index": "0",
        "hostname": host,
        "instance-id": spec.instance_id,
        "instance-type": "t3.small",
        "local-hostname": host,
        "local-ipv4": spec.address,
        "mac": mac(spec),
        "network": {"interfaces": {"macs": {mac(spec): interface}}},
        "placement": {"availability-zone": _ZONE, "region": _REGION},
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    }
    if spec.authorized_keys:
        meta["public-keys"] = {
            str(number): {"openssh-key": key} for number, key in enumerate(spec.authorized_keys)
        }
    document = {"instanceId": spec.instance_id, "imageId": spec.image_id, "region": _REGION}
    return {
        "dynamic": {"instance-identity": {"document": json.dumps(document)}},
        "meta-data": meta,
    }


def answer(spec: BootSpec, path: str) -> bytes | None:
    """The body for a path; None where EC2 answers 404."""
    version, *steps = [step for step in path.split("/") if step] or [""]
    if not version:
        return "\n".join(_VERSIONS).encode()
    if version not in _VERSIONS:
        return None
    if steps[:1] == ["user-data"]:
        return spec.user_data if spec.user_data and len(steps) == 1 else None
    found: str | Tree | None = tree(spec)
    for step in steps:
        found = found.get(step) if isinstance(found, Mapping) else None
    if found is None or isinstance(found, str):
        return found.encode() if found is not None else None
    return _listing(steps[-1:], found).encode()


def _listing(last: list[str], found: Tree) -> str:
    if last == ["public-keys"]:
        return "\n".join(f"{number}=key-{number}" for number in found)
    return "\n".join(f"{key}/" if isinstance(found[key], Mapping) else key for key in sorted(found))


class MetadataServer:
    """Serves on a listening socket of the machine's namespace until `close`.

    `spec` is asked at each request: user data may change between boots. With `token_required`
    version 1 is off, as EC2's HttpTokens=required does it.
    """

    def __init__(
        self,
        listener: socket.socket,
        spec: Callable[[], BootSpec],
        *,
        token_required: bool = False,
    ) -> None:
        without = set() if token_required else {""}
        bound = {"spec": staticmethod(spec), "tokens": without}
        handler = type("_Bound", (_Handler,), bound)
        self._http = ThreadingHTTPServer(("", 0), handler, bind_and_activate=False)
        self._http.socket.close()
        self._http.socket = listener
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._serve, name="sandbox-metadata", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving, and close the socket."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _serve(self) -> None:
        self._http.serve_forever(poll_interval=0.05)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "EC2ws"
    spec: Callable[[], BootSpec]
    tokens: set[str]

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/latest/api/token":
            return self._send(404)
        if not self.headers.get(_TTL, "").isdigit():
            return self._send(400)
        token = secrets.token_urlsafe(32)
        self.tokens.add(token)
        return self._send(200, token.encode())

    def do_GET(self) -> None:
        if self.headers.get(_TOKEN, "") not in self.tokens:
            return self._send(401)
        body = answer(self.spec(), self.path)
        return self._send(404) if body is None else self._send(200, body)

    def _send(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
