"""Every error a user can meet, with what to do next.

Edges raise these with the foreign error chained as the cause; only `reconciler.exit_codes` maps
them to exit codes.
"""

from __future__ import annotations

from typing import ClassVar


class ToolError(Exception):
    """Base of all our errors: one line that names the cause, and the cure.

    `cure` is what the user does next, usually a command; empty when the message says it.
    `detail` is material to show below the message (a command's last lines), already redacted.
    `advice` is shown in place of a cure, where the type alone says what helps.
    """

    advice: ClassVar[str] = ""

    def __init__(self, message: str, *, cure: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure
        self.detail = detail


SESSION_EXPIRED = "the AWS credentials have expired"
"""In the message of every error that a new login cures (`reconciler.aws.client.errors`)."""


class ConfigError(ToolError):
    """Usage or configuration is wrong; nothing was changed (exit 2)."""


class NoDatabase(ConfigError):
    """The service configures no database: there is no server to ask or to change."""


class Refused(ToolError):
    """The command refuses: lease held, dirt, breaker, unknown ledger; nothing changed (exit 3)."""


class AccessDenied(ToolError):
    """Credentials are missing or expired, or a permission is withheld (exit 6)."""


class CloudError(ToolError):
    """AWS answered with an error, or not at all; the message names action and cause."""

    def __init__(self, message: str, *, code: str = "", cure: str = "", detail: str = "") -> None:
        super().__init__(message, cure=cure, detail=detail)
        self.code = code


class CloudUnclear(CloudError):
    """A mutating request may or may not have been carried out (reply lost, 5xx, time-out).

    The caller has to read the cloud again and never guesses (protocol.md, rule 4).
    """

    advice = "Repeat the command: it reads what was done before it goes on"


class LedgerUnknown(ToolError):
    """The ledger could not be read, or its format is not known. Unknown is not empty."""

    advice = "If it stays so when you repeat the command     deployer status SERVICE"


class SwapLost(ToolError):
    """A compare-and-swap was refused: somebody else changed the ledger first."""

    advice = "Somebody else was quicker. To see who     deployer status SERVICE"


class NotTried(ToolError):
    """Skipped because the configuration says so, not because it failed."""


class ShellError(ToolError):
    """Base of the errors between us and a machine's shell."""


class CannotConnect(ShellError):
    """No SSH session; `kind` classifies it.

    One of: no-address, no-route (security group), refused (booting), key-refused,
    host-key-mismatch, closed. `seen` is the fingerprint of a host key that was not expected.
    """

    advice = "To try the way there     deployer doctor SERVICE"

    def __init__(
        self, message: str, *, kind: str, cure: str = "", detail: str = "", seen: str = ""
    ) -> None:
        super().__init__(message, cure=cure, detail=detail)
        self.kind = kind
        self.seen = seen


class CommandFailed(ShellError):
    """A command on a machine ended with another status than 0; `detail` has its last lines."""

    advice = "Mend what its last lines say, then repeat the command"

    def __init__(self, message: str, *, status: int, cure: str = "", detail: str = "") -> None:
        super().__init__(message, cure=cure, detail=detail)
        self.status = status


class CommandTimedOut(ShellError):
    """A command exceeded its wall-clock limit and was abandoned."""

    advice = (
        "If its last lines show that it only needs longer, raise its limit; then repeat the command"
    )


class ConnectionLost(ShellError):
    """The SSH session died while a command ran: whether it finished is not known."""

    advice = "To see how it stands     deployer status SERVICE"


class DatabaseError(ToolError):
    """The database refused or could not be reached; nothing is assumed about its state."""


class StaleAct(ToolError):
    """A fenced act was refused: the target obeyed a newer generation (protocol.md, rule 10)."""

    advice = "Somebody changed the service since. To see who     deployer history SERVICE"


def refusal_for(error: ToolError) -> type[ToolError]:
    """The error type with which a command refuses that cannot continue because of `error`.

    An access or configuration error keeps its type; everything else could not be read, and what
    is unknown is not changed.
    """
    stays = (kind for kind in (AccessDenied, ConfigError) if isinstance(error, kind))
    return next(stays, Refused)


class SmokeFailed(ToolError):
    """The new machines do not answer as they should."""


class BakeFailed(ToolError):
    """A release turned bad while it baked, after its switch; it is live (exit 1).

    `back_to` is the deploy to go back to where no write would be lost, else ''; `left` is this one.
    """

    def __init__(
        self, message: str, *, back_to: str, left: str, cure: str = "", detail: str = ""
    ) -> None:
        super().__init__(message, cure=cure, detail=detail)
        self.back_to = back_to
        self.left = left


class _Remaining(ToolError):
    """`detail` lists errors as text; `cure` finishes them, after a new login if one needs it."""

    def __init__(self, message: str, *, cure: str = "", detail: str = "") -> None:
        if SESSION_EXPIRED in f"{message}\n{detail}":
            cure = f"First                log in again (aws sso login; in CI: another job)\n{cure}"
        super().__init__(message, cure=cure, detail=detail)


class DirtRemains(_Remaining):
    """Something could not be removed, or a scope not read; `detail` lists it (exit 4)."""


class FollowUpFailed(_Remaining):
    """The service is live on the new release, but a follow-up failed (exit 5)."""
