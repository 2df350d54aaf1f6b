"""The one error tree. Messages are Chinese, say what happened and what to do, and are shown as they are."""


class BifangError(Exception):
    """What a person may see. ``permanent``: trying again unchanged cannot help."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent

    def __str__(self) -> str:
        return self.message


class ConfigError(BifangError):
    """A setting or configuration that a person must mend."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class SecretError(ConfigError):
    """A secret that cannot be read: wrong key, missing reference, unreadable file."""


class InvalidInput(BifangError):
    """Input from outside that we refuse; the message names the place."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class RemoteError(BifangError):
    """A remote service refused, failed, or could not be reached.

    ``status`` is the HTTP status (0: no answer), ``code`` the service's own error code.
    """

    def __init__(self, message: str, *, permanent: bool, status: int = 0, code: str = "") -> None:
        super().__init__(message, permanent=permanent)
        self.status = status
        self.code = code


class OutcomeUnknown(RemoteError):
    """The request may have been carried out: no answer came, and the remote side knows no key to repeat it by."""

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message, permanent=False, status=status, code=code)


class BadCredentials(RemoteError):
    """The remote service does not accept our identity; only a changed configuration helps."""

    def __init__(self, message: str, *, status: int = 401, code: str = "") -> None:
        super().__init__(message, permanent=True, status=status, code=code)


class RateLimited(RemoteError):
    """The remote service asks us to slow down; ``retry_after`` in seconds."""

    def __init__(self, message: str, *, retry_after: float, status: int = 429, code: str = "") -> None:
        super().__init__(message, permanent=False, status=status, code=code)
        self.retry_after = retry_after


class ReplyTargetExpired(RemoteError):
    """The sessionWebhook is gone (expired or unknown); another route may still deliver."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message, permanent=True, status=200, code=code)
