"""Builds the notifier from `[notices]`: webhook and SNS topic."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from reconciler.aws.sns import place_of, publish
from reconciler.aws.ssm_secrets import from_ssm
from reconciler.aws.tagging import mark_noticed
from reconciler.config.loader import Settings
from reconciler.cost.price_list import Prices
from reconciler.errors import ConfigError
from reconciler.model.tags import AccountRegion
from reconciler.output.notifications.history import NotificationHistory
from reconciler.output.notifications.message import Notice, Phase, for_mail
from reconciler.output.notifications.notifier import Notifier, Send
from reconciler.output.notifications.webhook import Webhook
from reconciler.util.secret import Secret, resolve
from reconciler.wiring.edges import Edges

OnSent = Callable[[str, str], None]


def notifier(
    settings: Settings,
    edges: Edges,
    prices: Prices,
    told: NotificationHistory | None = None,
    on_sent: OnSent = lambda _way, _outcome: None,
) -> Notifier | None:
    """The notifier; None if none is configured. `told` holds the earlier notifications."""
    said, ways = settings.reconciler.notices, _ways(settings, edges)
    if not ways:
        return None
    wanted = {Phase.PLANNED: said.planned, Phase.DONE: said.done}
    phases = frozenset(phase for phase, asked in wanted.items() if asked)
    return Notifier(
        ways,
        lambda resource, now: mark_noticed(edges.aws(resource.place), resource, now),
        prices,
        phases,
        NotificationHistory() if told is None else told,
        on_sent,
    )


def teller(settings: Settings) -> Callable[[str, str], None]:
    """Sends a subject and a text on every way of `[notices]`. Raises ToolError if one fails."""

    def tell(subject: str, text: str) -> None:
        notice = Notice(Phase.IMPAIRED, subject, tuple(text.splitlines()))
        for send in _ways(settings, Edges(settings)).values():
            send(notice)

    return tell


def _ways(settings: Settings, edges: Edges) -> dict[str, Send]:
    said = settings.reconciler.notices
    ways: dict[str, Send] = {}
    if said.webhook is not None:
        ways["webhook"] = Webhook(partial(_url, settings, edges))
    if said.topic is not None:
        ways["topic"] = partial(_publish, edges, said.topic)
    return ways


def _publish(edges: Edges, topic: str, notice: Notice) -> None:
    """Opened late: an inaccessible account must fail the notification, not the sweep."""
    publish(edges.aws(place_of(topic)), topic, *for_mail(notice))


def _url(settings: Settings, edges: Edges) -> Secret:
    reference = settings.reconciler.notices.webhook
    assert reference is not None
    return resolve(reference, lambda path: from_ssm(edges.aws(_home(settings)), path))


def _home(settings: Settings) -> AccountRegion:
    """The account region of a shared parameter: the topic's, else the first service's."""
    topic = settings.reconciler.notices.topic
    if topic is not None:
        return place_of(topic)
    for service in settings.services.values():
        return service.place
    raise ConfigError(
        "notices.webhook: with no service and no topic there is no account to ask",
        cure="configure a service, or give the webhook as env:NAME or file:PATH in reconciler.toml",
    )
