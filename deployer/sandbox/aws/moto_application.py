"""moto's server application, with our response classes replacing its own.

moto reads its settings from the environment when it is imported: `deployer.sandbox.aws` sets them
before any of its modules can import moto.
"""

from __future__ import annotations

from typing import Any

import moto.ec2.urls as ec2_urls
import moto.ec2instanceconnect.urls as connect_urls
import moto.elb.urls as elb_urls
import moto.elbv2.urls as elbv2_urls
import moto.iam.urls as iam_urls
import moto.rds.urls as rds_urls
import moto.route53.urls as route53_urls
import moto.s3.responses as s3_responses
import moto.servicequotas.urls as quotas_urls
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)

from deployer.sandbox.aws import moto_patches, xml_serializer
from deployer.sandbox.aws.ec2.actions import StrictEc2
from deployer.sandbox.aws.elbv2 import actions as elbv2_actions
from deployer.sandbox.aws.iam.simulation import StrictIam
from deployer.sandbox.aws.instance_connect import StrictInstanceConnect
from deployer.sandbox.aws.quotas import StrictServiceQuotas
from deployer.sandbox.aws.rds import StrictRds
from deployer.sandbox.aws.route53.zones import StrictRoute53
from deployer.sandbox.aws.s3.objects import StrictS3

_TEST_DNS_ANSWER = r"{0}/(?P<api_version>[\d_-]+)/testdnsanswer$"


class QuietHandler(MotoRequestHandler):
    """Requests are recorded in the journal, not on stderr."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


class Dispatcher(DomainDispatcherApplication):
    """Looks up each host name once: moto lists its own directory at every request."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._backends: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """The name of the backend for this host; None if there is none."""
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]


def build() -> Dispatcher:
    """The WSGI application: all of moto's services, with strict EC2, ELBv2, RDS, Route 53, S3."""
    moto_patches.apply()
    xml_serializer.apply()
    ec2_urls.url_paths = dict.fromkeys(ec2_urls.url_paths, StrictEc2.dispatch)
    rds_urls.url_paths = dict.fromkeys(rds_urls.url_paths, StrictRds.dispatch)
    paths = connect_urls.url_paths
    connect_urls.url_paths = dict.fromkeys(paths, StrictInstanceConnect.dispatch)
    quotas_urls.url_paths = dict.fromkeys(quotas_urls.url_paths, StrictServiceQuotas.dispatch)
    iam_urls.url_paths = dict.fromkeys(iam_urls.url_paths, StrictIam.dispatch)
    paths = {**route53_urls.url_paths, _TEST_DNS_ANSWER: StrictRoute53.dispatch}
    route53_urls.url_paths = dict.fromkeys(paths, StrictRoute53.dispatch)
    s3_responses.S3Response = StrictS3  # type: ignore[misc]  # moto loads S3's paths anew each time
    elb_urls.url_paths = dict.fromkeys(elb_urls.url_paths, elbv2_actions.answer_either_version)
    elbv2_urls.url_paths = dict.fromkeys(elbv2_urls.url_paths, elbv2_actions.answer_either_version)
    application = Dispatcher()
    # To learn EC2's URLs moto creates a whole backend, which uses the random source of ids. Do it
    # here, before that is seeded, not at the first request: else ids differ after a reset.
    application.app_instances["ec2"] = create_backend_app("ec2")
    return application


def forget(seed: int) -> None:
    """Drop every backend of every account, and restart the ids.

    Not moto's own reset: that rebuilds each backend only to discard it. Only S3 is reset by moto,
    since its objects are open files.
    """
    every: Any = BackendDict
    for backends in every._instances:  # noqa: SLF001  # moto has no other list of them
        for account in backends.values():
            if account.service_name == "s3":
                account.reset()
        backends.clear()
    every._instances.clear()  # noqa: SLF001
    reset_model_data()
    mock_random.seed(seed)


def has_lent(access_key: str) -> bool:
    """Whether this is the access key of a role that somebody assumed here."""
    accounts = list(iam_backends.values())
    return any(access_key in one.access_keys for each in accounts for one in list(each.values()))


def ec2_backend(account: str, region: str) -> Any:
    """moto's EC2 backend of one account and region."""
    return ec2_backends[account][region]
