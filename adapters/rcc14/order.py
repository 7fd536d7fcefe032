"""The order in which the TLS leg makes up its mind: what is looked at first, and what follows from it.

Pure. ``decide`` takes what holds of a request and says what to do next; whoever does it and finds that there was
nothing to it (a cookie that has ended, a token that is no good) strikes that fact out and asks again.

Spec: RCC.14 2.2.2, 2.3 (responses of the configuration server)
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from types import MappingProxyType

from adapters.rcc14.messages import Request, is_msisdn


class Fact(enum.Enum):
    """What can hold of a request before anybody has proven anything; the values say it in words."""

    UNSUPPORTED_RELEASE = "`provisioning_version` is none that is spoken here"
    OVERLOADED = "the gateway has more to do than it can"
    EAP_REPLY = "an EAP packet comes back"
    OTP_REPLY = "`OTP` comes back"
    OIDC_REPLY = "`code` or `error` comes back, with `state`"
    COOKIE = "a cookie of the plain leg"
    GBA_REPLY = "`Authorization: Digest` comes back"
    TOKEN = "`token`"  # noqa: S105 - no password
    TOKEN_REFUSED = "`token`, and it was found to be no good"  # noqa: S105 - no password
    EAP_OFFERED = "`EAP_ID`, and SIM authentication is set up"
    OIDC_OFFERED = "a log-in page is set up"
    GBA_OFFERED = "`3gpp-gba` in User-Agent, and GBA is set up"
    NO_PORT = "no `SMS_port`"
    NUMBER = "a number to send a code to, as `msisdn` or by way of `IMSI`, and SMS is set up"

    __hash__ = object.__hash__  # members are single; the hash of their names is a call of Python's


class Step(enum.Enum):
    """What to do next; the values say what comes of it."""

    NAME_RELEASES = "406 with `Supported-Versions`"
    SHED = "503 with `Retry-After`"
    CHECK_EAP = "identity proven, the next EAP packet, or 403 or 511"
    CHECK_OTP = "identity proven, or 511"
    CHECK_OIDC = "identity proven, or 403"
    TAKE_COOKIE = "identity proven; an ended cookie counts as none"
    CHECK_GBA = "identity proven, or 401 again"
    TAKE_TOKEN = "identity proven"  # noqa: S105 - no password
    DROP_TOKEN = "511: the client drops it and starts again"  # noqa: S105 - no password
    START_EAP = "200 with an EAP packet and a cookie"
    START_OIDC = "302 to the log-in page, with a cookie"
    START_GBA = "401 with a challenge"
    START_AGAIN = "511: the client comes back with `msisdn` and `SMS_port`"
    START_OTP = "200, empty, with a cookie; the code goes by SMS"
    REFUSE = "403: the client asks its user for the number, if it can"

    __hash__ = object.__hash__


ORDER: Mapping[Fact, Step] = MappingProxyType(
    {
        Fact.UNSUPPORTED_RELEASE: Step.NAME_RELEASES,
        Fact.OVERLOADED: Step.SHED,
        Fact.EAP_REPLY: Step.CHECK_EAP,
        Fact.OTP_REPLY: Step.CHECK_OTP,
        Fact.OIDC_REPLY: Step.CHECK_OIDC,
        Fact.COOKIE: Step.TAKE_COOKIE,
        Fact.GBA_REPLY: Step.CHECK_GBA,
        Fact.TOKEN: Step.TAKE_TOKEN,
        Fact.TOKEN_REFUSED: Step.DROP_TOKEN,
        Fact.EAP_OFFERED: Step.START_EAP,
        Fact.OIDC_OFFERED: Step.START_OIDC,
        Fact.GBA_OFFERED: Step.START_GBA,
        Fact.NO_PORT: Step.START_AGAIN,
        Fact.NUMBER: Step.START_OTP,
    }
)
"""The first fact that holds decides; when none does, the client is refused."""

CHECKS: Mapping[str, tuple[Fact, Step]] = MappingProxyType(
    {
        "eap": (Fact.EAP_REPLY, Step.CHECK_EAP),
        "otp": (Fact.OTP_REPLY, Step.CHECK_OTP),
        "oidc": (Fact.OIDC_REPLY, Step.CHECK_OIDC),
        "gba": (Fact.GBA_REPLY, Step.CHECK_GBA),
    }
)
"""By method: what a reply to its challenge is called here, and what looks at it."""

CHALLENGES: Mapping[str, tuple[Fact, Step]] = MappingProxyType(
    {
        "eap": (Fact.EAP_OFFERED, Step.START_EAP),
        "oidc": (Fact.OIDC_OFFERED, Step.START_OIDC),
        "gba": (Fact.GBA_OFFERED, Step.START_GBA),
        "otp": (Fact.NUMBER, Step.START_OTP),
    }
)
"""By method: what makes it possible, and what starts it."""


UNCHALLENGED = frozenset({Step.START_AGAIN, Step.REFUSE})
"""What follows when nothing was shown and nothing could be asked for."""


def decide(facts: Collection[Fact]) -> Step:
    """What to do about a request of which these facts hold."""
    for fact, step in ORDER.items():
        if fact in facts:
            return step
    return Step.REFUSE


def major(release: str) -> str:
    """The number of a release before its point, the only one that counts."""
    return release.partition(".")[0]


def facts_of(asked: Request, *, releases: Collection[str], has_cookie: bool, replies: Collection[str]) -> set[Fact]:
    """What holds of a request; ``replies`` are the methods whose challenge it may answer.

    ``releases`` are the major releases of RCC.14 that are spoken here; none stands for all.
    """
    facts = {CHECKS[name][0] for name in replies}
    release = asked.about.get("provisioning_version", "")
    if releases and release and major(release) not in releases:
        facts.add(Fact.UNSUPPORTED_RELEASE)
    if has_cookie:
        facts.add(Fact.COOKIE)
    if asked.token:
        facts.add(Fact.TOKEN)
    if not asked.sms_port:
        facts.add(Fact.NO_PORT)
    return facts


def offers_of(asked: Request, suited: Collection[str]) -> set[Fact]:
    """What such a request could be challenged by; ``suited`` are the methods that find it fit for theirs."""
    facts = {CHALLENGES[name][0] for name in suited}
    if not (is_msisdn(asked.msisdn) or (asked.imsi and not asked.msisdn)):
        facts.discard(Fact.NUMBER)
    return facts
