"""The exception classes of the gateway, each tied to one boundary.

Refusals by a tree or a device are data (a ``StatusCode``), not exceptions; these classes are for malformed input,
broken plumbing and bad configuration. Anything else that is raised is a bug.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.status import StatusCode


class MogateError(Exception):
    """Root of every error the gateway raises on purpose."""


class DecodeError(MogateError):
    """The peer's bytes are not a message. Becomes HTTP 400; nothing is stored.

    ``offset`` is the byte position of the fault, or None where the parser cannot tell.
    """

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (at byte {offset})")
        self.offset = offset


class LimitExceeded(DecodeError):
    """The input is over a size, depth or count limit. Becomes HTTP 413."""


class TreeError(MogateError):
    """The tree or the DDF refuses one operation. Caught in one place and becomes a status."""

    def __init__(self, status: StatusCode, uri: object, reason: str) -> None:
        super().__init__(f"{uri}: {reason}")
        self.status = status
        self.uri = uri
        self.reason = reason


class AuthError(MogateError):
    """Credentials are missing or wrong."""


class Forbidden(MogateError):
    """Who asks is known and may not do this. Becomes HTTP 403."""


class Conflict(MogateError):
    """Compare-and-set lost against another writer: reload, retry once, then answer 503."""


class Outdated(Conflict):
    """The caller wants to change what is no longer as he knows it. Becomes HTTP 412."""


class Unavailable(MogateError):
    """A part the request needs (store, SMS, AAA) is down. Becomes HTTP 503 with Retry-After."""

    def __init__(self, message: str, retry_after_seconds: int = 30) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Throttled(Unavailable):
    """A part the request needs asks to be given less for a while."""


class TooMany(Unavailable):
    """The same was tried too often. Becomes HTTP 429 with Retry-After."""


class Rejected(MogateError):
    """Another server says no for good: the same again would get the same answer."""


class NotFound(MogateError):
    """Nothing has that name. The message names the thing and where it was looked for."""


class ConfigError(MogateError):
    """Bad settings, profile, DDF or mapping. Names the file, the line and the key, and the mend where one is known."""

    def __init__(self, message: str, *, file: object = None, line: int | None = None, key: str | None = None) -> None:
        place = "" if file is None else f"{file}:{line}: " if line is not None else f"{file}: "
        super().__init__(f"{place}{key}: {message}" if key else f"{place}{message}")
        self.file = file
        self.line = line
        self.key = key
        self.reason = message
