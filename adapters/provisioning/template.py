"""Provisioning documents as octets: compiled once, then spliced with one subscriber's variables.

Nothing here touches an XML library: this is the way of every RCC.14 answer.

Spec: RCC.14 (VERS, TOKEN, MSG, User, ACCESS-CONTROL)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adapters.provisioning.document import ROOT, Characteristic, Parm, escape, format_characteristic
from gateway.fleet.variables import Slot, parse_template
from gateway.fleet.variables import escape as literal

_OPEN = f'<?xml version="1.0" encoding="UTF-8"?><{ROOT} version="1.1">'.encode()
_CLOSE = f"</{ROOT}>".encode()


class Template:
    """XML with slots for variables. Made by ``compile``."""

    def __init__(self, pieces: Iterable[str | Slot]) -> None:
        pieces = tuple(pieces)
        self._pieces = ["" if isinstance(piece, Slot) else piece for piece in pieces]
        named = [(place, piece.name) for place, piece in enumerate(pieces) if isinstance(piece, Slot)]
        self._names = tuple(dict.fromkeys(name for _, name in named))
        self._slots = [(place, self._names.index(name)) for place, name in named]

    def splice(self, variables: Mapping[str, str]) -> bytes:
        """The octets with every variable in its place, escaped.

        Raises: KeyError naming the first variable that is not there.
        """
        texts = [variables[name] for name in self._names]
        # Most variables need no escaping, and to see that of all at once costs little more than of one.
        whole = "".join(texts)
        if escape(whole) != whole:
            texts = [*map(escape, texts)]
        pieces = self._pieces.copy()
        for place, number in self._slots:
            pieces[place] = texts[number]
        return "".join(pieces).encode()


def compile(characteristics: Iterable[Characteristic]) -> Template:  # noqa: A001 - as re.compile
    """The template of these characteristics, whose values may hold ``{variable}``s. Braces in names are just braces."""
    return Template(parse_template("".join(format_characteristic(_named(each)) for each in characteristics)))


def document(*parts: bytes) -> bytes:
    """A whole document of these parts: VERS first, then TOKEN, MSG, User, ACCESS-CONTROL and the applications."""
    return b"".join((_OPEN, *parts, _CLOSE))


def vers(version: int, validity_seconds: int) -> bytes:
    """The VERS characteristic."""
    return (
        f'<characteristic type="VERS"><parm name="version" value="{version}"/>'
        f'<parm name="validity" value="{validity_seconds}"/></characteristic>'
    ).encode()


def token(value: str, validity_seconds: int) -> bytes:
    """The TOKEN characteristic."""
    return (
        f'<characteristic type="TOKEN"><parm name="token" value="{escape(value)}"/>'
        f'<parm name="validity" value="{validity_seconds}"/></characteristic>'
    ).encode()


def msg(title: str, message: str, *, accept: bool, reject: bool) -> bytes:
    """The MSG characteristic: what the client shows its user, and with which buttons."""
    parms = (
        Parm("title", title),
        Parm("message", message),
        Parm("Accept_btn", str(int(accept))),
        Parm("Reject_btn", str(int(reject))),
    )
    return format_characteristic(Characteristic("MSG", parms)).encode()


def access_control(own: Iterable[str], servers: Iterable[tuple[str, bool, Iterable[str]]]) -> bytes:
    """The ACCESS-CONTROL characteristic: the AppIDs served here, and other servers with theirs.

    A server is its FQDN, whether the number that it gives is to be believed, and its AppIDs.
    """
    parts = [Characteristic("DEFAULT", tuple([Parm("app-id", app) for app in own]))]
    for fqdn, is_id_provider, apps in servers:
        named = (Parm("fqdn", fqdn), Parm("id-provider", str(int(is_id_provider))))
        parts.append(Characteristic("SERVER", (*named, *[Parm("app-id", app) for app in apps])))
    return format_characteristic(Characteristic("ACCESS-CONTROL", (), tuple(parts))).encode()


def user(msisdn: str) -> bytes:
    """The User characteristic: the number the gateway knows the subscriber by."""
    return f'<characteristic type="User"><parm name="msisdn" value="{escape(msisdn)}"/></characteristic>'.encode()


def _named(characteristic: Characteristic) -> Characteristic:
    """The characteristic with its names as templates that stand for them, as its values are."""
    return Characteristic(
        literal(characteristic.type),
        tuple([Parm(literal(name), value) for name, value in characteristic.parms]),
        tuple(map(_named, characteristic.characteristics)),
    )
