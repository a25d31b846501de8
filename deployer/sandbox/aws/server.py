"""Starts and stops the sandbox's AWS API on loopback."""

from __future__ import annotations

import threading

from werkzeug.serving import BaseWSGIServer, make_server

from deployer.sandbox.aws.http.request_log import RequestLog
from deployer.sandbox.aws.http.wsgi_middleware import ApiMiddleware
from deployer.sandbox.aws.options import AwsOptions
from deployer.sandbox.aws.state import cloud as clouds
from deployer.sandbox.aws.state.cloud import AwsState
from deployer.sandbox.balancer.plan import LoadBalancers
from deployer.sandbox.faults import FaultBook
from deployer.sandbox.machine_host import MachineHost, Nat

ACCOUNT = "123456789012"
LOOPBACK = "127.0.0.1"


class AwsServer:
    """A strict AWS API over a `MachineHost`; see the package for how to use it.

    `faults` and `journal` are the objects that `/_sandbox/...` serves. Without a `nat` public
    addresses appear in descriptions only; without `balancers` no target ever becomes healthy.
    """

    def __init__(
        self,
        host: MachineHost,
        options: AwsOptions | None = None,
        nat: Nat | None = None,
        balancers: LoadBalancers | None = None,
    ) -> None:
        self.options = options or AwsOptions()
        self.faults = FaultBook()
        self.journal = RequestLog()
        self.cloud = AwsState(host, self.options, self.faults, nat, balancers)
        self._http: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:PORT`; only while it runs."""
        if self._http is None:
            raise RuntimeError("the API does not run: call start() first")
        return f"http://{LOOPBACK}:{self._http.server_port}"

    def start(self) -> str:
        """Start to serve; returns the endpoint's URL.

        Raises:
            OSError: the port is taken.
            RuntimeError: another server runs in this process.
        """
        from deployer.sandbox.aws import moto_application

        clouds.occupy(self.cloud)
        try:
            api = ApiMiddleware(moto_application.build(), self.cloud, self.journal, self._knows)
            self._http = make_server(
                LOOPBACK,
                self.options.port,
                api,
                threaded=True,
                request_handler=moto_application.QuietHandler,
            )
        except BaseException:
            clouds.vacate()
            raise
        self.reset()
        self._thread = threading.Thread(target=self._serve, name="aws", daemon=True)
        self._thread.start()
        return self.endpoint

    def _knows(self, access_key: str) -> bool:
        """Whether it is the sandbox's key, or one that AssumeRole lent."""
        from deployer.sandbox.aws import moto_application

        own = self.options.access_key
        return not own or access_key == own or moto_application.has_lent(access_key)

    def _serve(self) -> None:
        if self._http is not None:
            self._http.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Stop serving, end the jobs, delete all state. Idempotent."""
        if self._http is None or self._thread is None:
            return
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._http = self._thread = None
        self.reset()
        self.cloud.jobs.close()
        clouds.vacate()

    def reset(self) -> None:
        """An empty account again: no resources, faults or journal; ids start from the seed.

        Machines and disk images belong to the host: reset that as well.
        """
        from deployer.sandbox.aws import moto_application

        self.faults.clear()
        with self.cloud.lock:
            self.cloud.jobs.drain()
            self.cloud.forget()
            self.cloud.public.changed = True
            self.cloud.follow_routes()
            moto_application.forget(self.options.seed)
            self.journal.clear()

    def register_base_image(
        self, name: str, image_id: str = "", *, size: int = 8, region: str = ""
    ) -> str:
        """Add an image of this account (owner self) to the catalogue; returns its AMI id.

        The host provides the disk of that id. `size` is the root volume's, in GiB.
        """
        from deployer.sandbox.aws.launch.images import add_base_image
        from deployer.sandbox.aws.moto_application import ec2_backend

        with self.cloud.lock:
            backend = ec2_backend(ACCOUNT, region or self.options.region)
            self.cloud.listings.changed()
            return add_base_image(self.cloud, backend, name, image_id, size)
