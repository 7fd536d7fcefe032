"""The one vocabulary of outcomes: OMA DM response codes, used by every protocol of the gateway.

Spec: OMA-TS-SyncML_RepPro-V1_2 10, OMA-TS-DM_RepPro-V1_2 10
"""

from __future__ import annotations

import enum

_MEANINGS = {
    101: "in progress",
    200: "OK",
    202: "accepted for processing",
    203: "non-authoritative response",
    204: "no content",
    205: "reset content",
    206: "partial content",
    212: "authentication accepted",
    213: "chunked item accepted and buffered",
    214: "operation cancelled",
    215: "not executed",
    216: "atomic rolled back",
    300: "multiple choices",
    301: "moved permanently",
    302: "found",
    303: "see other",
    304: "not modified",
    305: "use proxy",
    400: "bad request",
    401: "invalid credentials",
    402: "payment required",
    403: "forbidden",
    404: "not found",
    405: "command not allowed",
    406: "optional feature not supported",
    407: "missing credentials",
    408: "request timeout",
    409: "conflict",
    410: "gone",
    411: "size required",
    412: "incomplete command",
    413: "request entity too large",
    414: "URI too long",
    415: "unsupported media type or format",
    416: "requested size too big",
    417: "retry later",
    418: "already exists",
    420: "device full",
    424: "size mismatch",
    425: "permission denied",
    500: "command failed",
    501: "command not implemented",
    503: "service unavailable",
    504: "gateway timeout",
    505: "DTD version not supported",
    506: "processing error",
    507: "atomic failed",
    508: "refresh required",
    510: "data store failure",
    511: "server failure",
    512: "synchronization failed",
    513: "protocol version not supported",
    514: "operation cancelled before processing",
    516: "atomic roll back failed",
    517: "atomic response too large to fit",
}


_PASSING = frozenset((215, 216, 417, 420, 503, 516))


class StatusCode(enum.IntEnum):
    """An outcome code. Any integer is accepted: codes the specifications do not name are kept and shown as such."""

    OK = 200
    ACCEPTED = 202
    AUTHENTICATED = 212
    CHUNK_ACCEPTED = 213
    CANCELLED = 214
    NOT_EXECUTED = 215
    ROLLED_BACK = 216
    NOT_MODIFIED = 304
    BAD_REQUEST = 400
    INVALID_CREDENTIALS = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    NOT_ALLOWED = 405
    NOT_SUPPORTED = 406
    MISSING_CREDENTIALS = 407
    TIMEOUT = 408
    GONE = 410
    INCOMPLETE = 412
    TOO_LARGE = 413
    URI_TOO_LONG = 414
    UNSUPPORTED_TYPE = 415
    ALREADY_EXISTS = 418
    DEVICE_FULL = 420
    SIZE_MISMATCH = 424
    PERMISSION_DENIED = 425
    COMMAND_FAILED = 500
    NOT_IMPLEMENTED = 501
    SERVICE_UNAVAILABLE = 503
    DTD_VERSION = 505
    ATOMIC_FAILED = 507
    SERVER_FAILURE = 511
    PROTOCOL_VERSION = 513
    ROLL_BACK_FAILED = 516

    @classmethod
    def _missing_(cls, value: object) -> StatusCode | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"CODE_{value}"
        member._value_ = value
        return member

    @property
    def meaning(self) -> str:
        """The specification's words for this code, or "unknown code"."""
        return _MEANINGS.get(int(self), "unknown code")

    @property
    def is_success(self) -> bool:
        """True for a final 2xx code that says the command was carried out or taken on."""
        return 200 <= self < 300 and self not in (self.CANCELLED, self.NOT_EXECUTED, self.ROLLED_BACK)

    @property
    def is_passing(self) -> bool:
        """True for a refusal that speaks of the moment: what was asked for may be tried again later."""
        return self in _PASSING

    @property
    def known(self) -> str:
        """The code as text if the specifications name it, else "other": a bounded set."""
        return str(int(self)) if int(self) in _MEANINGS else "other"

    def __str__(self) -> str:
        return f"{int(self)} {self.meaning}"
