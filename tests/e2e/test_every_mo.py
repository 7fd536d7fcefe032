"""Every MO of the catalogue, provisioned once, goes out over OMA DM and over RCC.14 with the same values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from live_gateway import CONFIG, Gateway

from adapters.provisioning.document import Characteristic, Parm
from adapters.provisioning.mapping import Mapping
from gateway.mo.catalogue import Catalogue
from gateway.mo.example import example_values
from gateway.tree.format import Format

OF_THE_PHONE = {"devinfo", "devdetail"}
"""What a phone says of itself; nobody provisions it."""

KNOWN = Catalogue.load(CONFIG / "mo", identifiers={})
IDENTIFIERS = {mo.key: f"example.net:mo:{mo.key}:1.0" for mo in KNOWN if not mo.moi}
CATALOGUE = Catalogue.load(CONFIG / "mo", identifiers=IDENTIFIERS)
MAPPING = Mapping.load(CONFIG / "mapping", CATALOGUE)
ROOTS = {mo.key: f"./Every/{mo.key}" for mo in CATALOGUE if mo.key not in OF_THE_PHONE}
OWN_ROOTS = {"fumo": "./FUMO", "lawmo": "./LAWMO", "scomo": "./SCOMO"}
"""Where the phone has objects of its own; what is set goes there."""

UNSEEN = {
    ("dmacc", "AppAuth/1/AAuthSecret"),
    ("dmacc", "AppAuth/2/AAuthSecret"),
    *(
        ("applications", f"1/{node}/1/{leaf}")
        for node in ("AppAuth", "Resource")
        for leaf in ("AAuthSecret", "AAuthData")
    ),
    ("fumo", "State"),
}
"""What the phone tells nobody, and what it says of its own work."""

SET_RIGHT = {"rcs": {"SERVICES/ChatAuth": "true"}}
"""Where examples of single leaves would not make a whole that is right."""


def desired(mo: str) -> dict[str, str]:
    """A value for every leaf of the MO; one entry in lists, two where a list stands alone."""
    managed = CATALOGUE.get(mo)
    values = {}
    for path, text in example_values(managed).items():
        names = path.split("/")
        dynamic = [
            name
            for depth, name in enumerate(names)
            if (node := managed.root.find(tuple(names[: depth + 1]))) is not None and node.is_dynamic
        ]
        if len(dynamic) < 2 or set(dynamic) <= {"1"}:
            values[path] = text
    return values | SET_RIGHT.get(mo, {})


VALUES = {mo: desired(mo) for mo in ROOTS}


class Devices:
    """What a phone and two clients of one subscriber hold after one session and one query each.

    The phone takes what its own description would refuse, such as another state of its locks.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.phone = self._ran(gateway, "omadm", "--no-ddf")
        self.clients = {
            layout: self._absorbed(self._ran(gateway, "rcc14", "--profile", profile, "--state", f"{layout}.json"))
            for layout, profile in (("A", "UP_1.0"), ("B", "UP_2.4"))
        }

    def _ran(self, gateway: Gateway, *arguments: str) -> dict[str, str]:
        arguments = tuple(str(gateway.folder / one) if one.endswith(".json") else one for one in arguments)
        done = gateway.json("simulate", *arguments)
        assert done["result"] == "ok", done["result"]
        values: dict[str, str] = done["values"]
        return values

    def _absorbed(self, values: dict[str, str]) -> dict[str, dict[str, str]]:
        """The MOs that the client's document holds; the client keeps it as paths with numbered characteristics."""
        tree: dict[str, Any] = {}
        for path, text in values.items():
            *above, name = path.split("/") if not path.startswith("APPLICATION[") else _application_first(path)
            node = tree
            for part in above:
                node = node.setdefault(part, {})
            node[name] = text
        read, left = MAPPING.absorb(_characteristic("", tree))
        assert left == []
        return read


def _application_first(path: str) -> list[str]:
    """The path's segments; an identifier in brackets may hold slashes, and is kept whole."""
    application, _, rest = path.partition("]/")
    return [f"{application}]", *rest.split("/")]


def _characteristic(type_: str, tree: dict[str, Any]) -> Characteristic:
    parms = tuple(Parm(name, text) for name, text in tree.items() if isinstance(text, str))
    below = tuple(
        _characteristic(name.partition("[")[0].partition("#")[0], inner)
        for name, inner in tree.items()
        if isinstance(inner, dict)
    )
    return Characteristic(type_, parms, below)


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devices]:
    folder = tmp_path_factory.mktemp("every-mo")
    profiles = folder / "profiles"
    profiles.mkdir()
    lines = ['name = "every-mo"', 'layer = "operator"']
    for mo, values in VALUES.items():
        lines.append(f"[mo.{mo}]")
        lines += [f"{json.dumps(path)} = {json.dumps(text)}" for path, text in values.items()]
    (profiles / "every-mo.toml").write_text("\n".join(lines))
    settings = {
        "MOGATE_PROFILES": str(profiles),
        "MOGATE_CATALOGUE": json.dumps({"identifiers": IDENTIFIERS}),
        "MOGATE_OMADM__ROOTS": json.dumps(ROOTS),
        "MOGATE_RCC14__DEFAULT_APPLICATIONS": json.dumps(list(ROOTS)),
    }
    gateway = Gateway(folder)
    gateway.environment |= settings
    gateway.run("init", "--demo")
    gateway.start()
    try:
        yield Devices(gateway)
    finally:
        assert gateway.stop() == 0


@pytest.mark.parametrize("mo", [mo.key for mo in CATALOGUE if mo.key not in OF_THE_PHONE])
def test_both_protocols_carry_the_same_values(devices: Devices, mo: str) -> None:
    """What was set once is what the phone holds after a session and what clients of both layouts hold after a query.

    A leaf that a layout does not have is the one exception, and the mapping says why.

    Spec: 3GPP TS 24.167 and the other MOs over RCC.14 (RCC.15)
    """
    managed = CATALOGUE.get(mo)
    compared = 0
    for path, text in VALUES[mo].items():
        node = managed.root.find(tuple(path.split("/")))
        assert node is not None
        held = text if (mo, path) in UNSEEN else devices.phone[f"{OWN_ROOTS.get(mo, ROOTS[mo])}/{path}"]
        assert node.format.same(held, text), path
        for layout, read in devices.clients.items():
            if MAPPING.carries(mo, layout, path):
                assert node.format.same(read[mo].get(path), held), (layout, path)
                compared += 1
    leaves = [node for _, node in managed.root.walk() if not node.is_interior and node.format is not Format.NULL]
    assert compared >= len(leaves) or mo in ("ims", "rcs", "dmacc")
    assert compared > 0 or not leaves
