"""Clients of one account and region, created on first use and only for the right account.

Two kinds of client: botocore retries reads; creates and swaps get one attempt, because our code
must retry them, with a fixed token and with a read of the outcome in between (aws.md §6). botocore
chooses the endpoint: AWS_ENDPOINT_URL leads to the sandbox.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoCredentialsError
from botocore.session import Session

from reconciler.aws.client import whole_replies
from reconciler.aws.client.errors import THROTTLED, calling
from reconciler.aws.client.expiry import SessionEnd, session_end
from reconciler.aws.client.response_events import OnAnswer, listen
from reconciler.aws.client.service_loader import LOADER
from reconciler.aws.client.throttle import CallRate, TokenBuckets
from reconciler.errors import AccessDenied
from reconciler.model.tags import AccountRegion
from reconciler.util.concurrency import begun
from reconciler.util.recent_clients import RECENT

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

T = TypeVar("T")

READS = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 5},
    user_agent_extra="deployer",
)
ONCE = READS.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
"""One attempt. `read_timeout` still applies: a later answer counts as lost."""

QUICK = ONCE.merge(Config(connect_timeout=2, read_timeout=5))
"""One short attempt, for what runs beside the work and may fail."""


class _Account:
    """The credentials of one account, shared by the clients of its regions.

    A session takes 0.2 MB, and an organisation has hundreds of accounts: of a role only the
    credentials are kept, and each client has a session of its own, which goes with it.
    """

    def __init__(
        self,
        place: AccountRegion,
        role: str,
        profile: str,
        on_answer: OnAnswer | None,
        zone_rate: float,
    ) -> None:
        self._zones = CallRate(zone_rate) if zone_rate else None
        self.account = place.account
        self.lock = threading.RLock()
        self._asking = threading.Lock()
        self._on_answer = on_answer
        self._role = role
        self._profile = profile or None
        self._region = place.region
        self._session: Session | None = None
        self._assumed: _Assumed | None = None
        self._verified = False

    def verify(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Ask STS once which account the credentials belong to. Raises as described in `Aws`."""
        with self._asking:
            if not self._verified:
                self._check(meanwhile)
                self._verified = True

    def client(self, service: str, region: str, config: Config) -> Any:
        """Create a client. The lock: botocore's session is not thread-safe, its clients are."""
        with self.lock, calling(f"a client for {service}"):
            made = self._authorised().create_client(service, region_name=region, config=config)
        if self._on_answer is not None:
            listen(made, self._on_answer)
        if self._zones is not None and service == "route53":
            made.meta.events.register_first("request-created.route53", self._zones.wait)
        return made

    def session_end(self) -> SessionEnd:
        """When the credentials end, as far as is known here."""
        with self.lock, calling("the credentials"):
            return session_end(self._authorised().get_credentials())

    def _check(self, meanwhile: Callable[[], object]) -> None:
        RECENT.passed()
        sts = cast("STSClient", self.client("sts", self._region, READS))
        beside = begun(meanwhile)
        with calling(f"sts:AssumeRole {self._role}" if self._role else "sts:GetCallerIdentity"):
            identity = sts.get_caller_identity()
        beside.exception()  # its end; who needs what could not be made meets the error again
        if identity["Account"] != self.account:
            raise AccessDenied(
                f"wrong account: these are credentials of {identity['Account']} "
                f"({identity['Arn']}), {self.account} is configured",
                cure="choose others with AWS_PROFILE, or correct `account`",
            )

    def _authorised(self) -> Session:
        if not self._role:
            self._session = self._session or _new_session(self._profile)
            return self._session
        self._assumed = self._assumed or _Assumed(self._profile, self._role, self._region)
        session = _new_session()
        session.register_component("credential_provider", CredentialResolver([self._assumed]))
        return session


@dataclass(frozen=True)
class _Client(Generic[T]):
    """An attribute of `Aws`: the client, created on first use."""

    service: str
    config: Config

    def __get__(self, aws: Aws, _: type[Aws]) -> T:
        return cast("T", aws.client(self.service, self.config))


class Aws:
    """One account and region. Safe to share between threads.

    `role` is an ARN to assume from the ambient credentials, '' to use those directly. Before the
    first client, GetCallerIdentity is called; every property raises AccessDenied for another
    account than in `place`, for missing, expired or refused credentials, ConfigError for an unknown
    profile, CloudError if STS does not answer. `on_answer` is called for every attempt. `zone_rate`
    is how many calls a second the account's Route 53 gets from here; 0: as many as are made.
    """

    def __init__(
        self,
        place: AccountRegion,
        *,
        role: str = "",
        profile: str = "",
        on_answer: OnAnswer | None = None,
        zone_rate: float = 0.0,
    ) -> None:
        self.place = place
        self._account = _Account(place, role, profile, on_answer, zone_rate)
        self._clients: dict[tuple[str, int], Any] = {}
        self.buckets = TokenBuckets()

    def in_region(self, region: str) -> Aws:
        """The same account in another region: role and account id are still checked only once."""
        other = Aws(replace(self.place, region=region))
        other._account = self._account
        return other

    autoscaling: _Client[Any] = _Client("autoscaling", READS)
    ec2: _Client[EC2Client] = _Client("ec2", READS)
    ec2_once: _Client[EC2Client] = _Client("ec2", ONCE)
    elbv2: _Client[Any] = _Client("elbv2", READS)
    elbv2_once: _Client[Any] = _Client("elbv2", ONCE)
    pricing: _Client[Any] = _Client("pricing", READS)
    rds: _Client[Any] = _Client("rds", READS)
    rds_once: _Client[Any] = _Client("rds", ONCE)
    route53: _Client[Route53Client] = _Client("route53", READS)
    route53_once: _Client[Route53Client] = _Client("route53", ONCE)
    s3: _Client[S3Client] = _Client("s3", READS)
    s3_once: _Client[S3Client] = _Client("s3", ONCE)
    s3_quick: _Client[S3Client] = _Client("s3", QUICK)
    sns_once: _Client[Any] = _Client("sns", ONCE)
    ssm: _Client[SSMClient] = _Client("ssm", READS)
    """For reads; `…_once` is for mutating calls, with one attempt a call."""

    def enabled_regions(self) -> tuple[str, ...]:
        """The regions that are enabled in the account, in alphabetical order.

        DescribeRegions without AllRegions omits the regions that need an opt-in and have none. A
        fixed list would miss new regions. Raises CloudError, AccessDenied.
        """
        with calling("ec2:DescribeRegions"):
            answer = self.ec2.describe_regions()
        return tuple(sorted(one["RegionName"] for one in answer["Regions"]))

    def verify(self, *soon: str) -> None:
        """Ask STS once per account whose credentials these are. Raises as the class says.

        Meanwhile the clients for reads of the services `soon` are made, which takes as long; they
        are given to nobody before STS has answered.
        """
        self._account.verify(lambda: [self._made(service, READS) for service in soon])

    def session_end(self) -> SessionEnd:
        """When the session of the credentials ends. Raises as the class says."""
        self.verify()
        return self._account.session_end()

    def client(self, service: str, config: Config) -> Any:
        """The client of a service, for reads (READS) or one attempt a call (ONCE, QUICK)."""
        self.verify()
        client = self._made(service, config)
        # The id of what `drop` keeps alive: an `Aws` that is gone gives its own to the next one.
        key = (service, id(config))
        RECENT.used((id(self._clients), key), partial(self._clients.pop, key, None))
        return client

    def _made(self, service: str, config: Config) -> Any:
        key = (service, id(config))
        with self._account.lock:
            if key not in self._clients:
                client = self._account.client(service, self.place.region, config)
                if service == "ec2":
                    _pace(client, self.buckets)
                self._clients[key] = client
            return self._clients[key]


def _pace(client: Any, buckets: TokenBuckets) -> None:
    """Make every attempt of the client, including botocore's retries, wait for its tokens."""

    def before(request: Any, operation_name: str, **_: Any) -> None:
        machines = sum(key.startswith("InstanceId.") for key in request.data)
        buckets.wait(operation_name, machines or int(request.data.get("MaxCount", 0)))

    def after(parsed_response: Any, event_name: str, **_: Any) -> None:
        if ((parsed_response or {}).get("Error") or {}).get("Code") in THROTTLED:
            buckets.refused(event_name.rsplit(".", 1)[-1])

    # Before signing, because the signature contains the time.
    client.meta.events.register_first("request-created.ec2", before)
    client.meta.events.register("response-received.ec2", after)


class _Assumed(CredentialProvider):
    """Credentials of a role, fetched when first needed and again before they expire."""

    METHOD = "assume-role"

    def __init__(self, profile: str | None, role: str, region: str) -> None:
        super().__init__()
        source = _new_session(profile).get_credentials()
        if source is None:
            raise NoCredentialsError

        def client(service: str, **keys: str) -> Any:
            # It creates nothing, so it is retried like a read.
            session: Any = _new_session(profile)
            RECENT.passed()
            return session.create_client(service, region_name=region, config=READS, **keys)

        fetcher = AssumeRoleCredentialFetcher(
            client_creator=client,
            source_credentials=source,
            role_arn=role,
            extra_args={"RoleSessionName": "deployer"},
        )
        self._credentials = DeferredRefreshableCredentials(
            refresh_using=fetcher.fetch_credentials, method=self.METHOD
        )

    def load(self) -> Any:
        """The same to every session: the role is assumed once."""
        return self._credentials


def ambient(region: str = "") -> tuple[str, str]:
    """The account of these credentials, and the region: as given, as configured, else us-east-1.

    Raises AccessDenied, CloudError, ConfigError.
    """
    session = _new_session()
    region = region or session.get_config_variable("region") or "us-east-1"
    with calling("sts:GetCallerIdentity"):
        client = session.create_client("sts", region_name=region, config=READS)
        sts = cast("STSClient", client)
        return sts.get_caller_identity()["Account"], region


def _new_session(profile: str | None = None) -> Session:
    session = Session(profile=profile)
    session.register_component("data_loader", LOADER)
    whole_replies.use(session)
    return session
