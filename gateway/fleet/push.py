"""Octets for one phone, ready for a bearer, with what they say."""

from __future__ import annotations

from typing import NamedTuple


class PreparedPush(NamedTuple):
    """One push in all its wrappings.

    ``says`` is its content field by field, ``document`` the markup it carries (empty: none), ``entry`` what the phone's
    user has to be told and types in (empty: nothing). ``segments`` are the user data of its short messages.
    """

    kind: str
    says: dict[str, str]
    document: str
    body: bytes
    octets: bytes
    segments: tuple[bytes, ...]
    entry: str = ""
