"""The exception tree: who is wrong, and whether trying again can help. Imports nothing.

Each error carries two sentences: `reason` is precise and goes to the log; `public` is what a stranger may read
(it never names an internal or repeats what was expected). Translation to a protocol happens once per protocol.
"""


class PKIError(Exception):
    """Root of every error that Scepter raises on purpose."""

    public = "The request could not be served."

    def __init__(self, reason: str, *, public: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        if public is not None:
            self.public = public


class RequestError(PKIError):
    """The asker is wrong; trying again with the same request will not help."""

    public = "The request was refused."


class MalformedMessage(RequestError):
    """The bytes are not what the protocol says."""

    public = "The message could not be read."


class IntegrityFailure(RequestError):
    """A signature or an encryption does not hold."""

    public = "The message failed its integrity check."


class AlgorithmRefused(RequestError):
    """An algorithm or key size that policy does not allow."""

    public = "An algorithm or key size in the request is not accepted."


class ChallengeRejected(RequestError):
    """The challenge is wrong, expired, used up, or promised something else."""

    public = "The challenge was not accepted."


class PolicyViolation(RequestError):
    """The request asks for more than its profile allows."""

    public = "The request does not match what its profile allows."


class UnknownCertificate(RequestError):
    """No certificate by that issuer and serial is on record."""

    public = "The certificate is not known."


class IdReused(RequestError):
    """An id that stands for another request already."""

    public = "This id was used before, for something else."


class RateExceeded(RequestError):
    """A caller or source asks more often than it may; the same request is served after `retry_after` seconds."""

    public = "Too many requests."

    def __init__(self, reason: str, *, public: str | None = None, retry_after: int = 10) -> None:
        super().__init__(reason, public=public)
        self.retry_after = retry_after


class DependencyError(PKIError):
    """Somebody we lean on is away; the same request may succeed after `retry_after` seconds."""

    public = "A service this authority depends on is away. Try again later."

    def __init__(self, reason: str, *, public: str | None = None, retry_after: int = 10) -> None:
        super().__init__(reason, public=public)
        self.retry_after = retry_after


class KeyUnavailable(DependencyError):
    """A key, or the vault that holds it, cannot be used now."""


class StoreUnavailable(DependencyError):
    """Table, blob or queue storage cannot be used now."""


class IntuneUnavailable(DependencyError):
    """Microsoft Intune or Graph cannot be used now."""


class IssuerUnavailable(DependencyError):
    """An outside CA cannot be used now."""


class IssuancePending(DependencyError):
    """An outside CA has taken the request and wants to be asked again later."""

    public = "The request is being worked on. Ask again later."


class Overloaded(DependencyError):
    """This worker carries as many requests as it can; nothing was begun, and another worker may be free."""

    public = "The authority is busy. Try again later."


class Conflict(PKIError):
    """Somebody was first (serial taken, ETag moved): re-read and retry here."""

    public = "Another request was served first. Try again."


class IssuanceFault(PKIError):
    """We are wrong: lint failed, a CRL number would run backwards. Stop and raise the alarm."""

    public = "Internal error."


class SettingsError(Exception):
    """One or more settings are wrong; the text names each with its reason and never its value."""
