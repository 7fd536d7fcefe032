"""How long the mobile network code in an IMSI is, by country: the IMSI itself does not tell.

Spec: ITU-T E.212, 3GPP TS 23.003 2.2
"""

from __future__ import annotations

THREE_DIGITS = frozenset(
    {
        "302",  # Canada
        "310", "311", "312", "313", "314", "315", "316",  # United States
        "334",  # Mexico
        "338",  # Jamaica
        "342",  # Barbados
        "344",  # Antigua and Barbuda
        "346",  # Cayman Islands
        "348",  # British Virgin Islands
        "365",  # Anguilla
        "708",  # Honduras
        "722",  # Argentina
        "732",  # Colombia
    }
)  # fmt: skip
"""Mobile country codes whose network codes have three digits. India (405) and a few others have both lengths: there the
operator's own list, or the subscriber, has to say."""


def mnc_digits(mcc: str) -> int:
    """How many digits a network code of that country has, as a rule."""
    return 3 if mcc in THREE_DIGITS else 2
