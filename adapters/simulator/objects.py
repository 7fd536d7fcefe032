"""The standard objects of a simulated phone: FUMO with a flash that takes files, SCOMO, LAWMO, DCMO and DiagMon.

What an Exec started is carried out after the session, as a phone does, and told by a generic alert in the next one.

Spec: OMA-TS-DM_FUMO-V1_0 5; OMA-TS-DM-SCOMO-V1_0 5; OMA-TS-LAWMO-V1_0 5; OMA-TS-DCMO-V1_0 5
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import aiohttp

from adapters.simulator.syncml_markup import unbase64

Tree = dict[str, list[str | None]]
Alert = dict[str, str]

PART_BYTES = 65_536
BAD_PACKAGE = b"BAD"
"""A package that begins so does not pass the phone's check of signatures."""

ACCEPTED, OK, NOT_FOUND, NOT_ALLOWED, NOT_SUPPORTED = 202, 200, 404, 405, 406

_LAWMO = "urn:oma:at:lawmo:1.0:OperationComplete"
_DIAGMON = "urn:oma:at:diagmon:1.0:OperationComplete"
_SCOMO = "urn:oma:at:scomo:1.0:OperationComplete"
_LOCKS = {"FullyLock": "10", "PartiallyLock": "20", "UnLock": "30"}

UNDEFINED = {"dcmo": "urn:oma:mo:oma-dcmo:1.0", "diagmon": "urn:oma:mo:oma-diag:1.0"}
"""Objects of the phone that no shipped DDF defines, by what they are called."""

TYPES = {
    "./DevInfo": "urn:oma:mo:oma-dm-devinfo:1.0",
    "./DevDetail": "urn:oma:mo:oma-dm-devdetail:1.0",
    "./FUMO": "urn:oma:mo:oma-fumo:1.0",
    "./SCOMO": "urn:oma:mo:oma-scomo:1.0",
    "./LAWMO": "urn:oma:mo:oma-lawmo:1.0",
    "./DCMO/Camera": UNDEFINED["dcmo"],
    "./DiagMon": UNDEFINED["diagmon"],
}
"""The Type of the roots of the phone's own objects."""
_EVERY_PHONE = ("./DevInfo", "./DevDetail")

_FACTORY: dict[str, tuple[str, str | None]] = {
    "./DevDetail": ("node", None),
    "./DevDetail/DevTyp": ("chr", "phone"),
    "./DevDetail/OEM": ("chr", "Acme"),
    "./DevDetail/FwV": ("chr", "1.0"),
    "./DevDetail/SwV": ("chr", "1.0"),
    "./DevDetail/HwV": ("chr", "A"),
    "./DevDetail/LrgObj": ("bool", "true"),
    "./DevDetail/URI": ("node", None),
    "./DevDetail/URI/MaxDepth": ("chr", "0"),
    "./DevDetail/URI/MaxTotLen": ("chr", "0"),
    "./DevDetail/URI/MaxSegLen": ("chr", "0"),
    "./FUMO": ("node", None),
    "./FUMO/State": ("int", "10"),
    "./FUMO/Download": ("node", None),
    "./FUMO/Download/PkgURL": ("chr", ""),
    "./FUMO/Update": ("node", None),
    "./FUMO/Update/PkgData": ("bin", ""),
    "./FUMO/DownloadAndUpdate": ("node", None),
    "./FUMO/DownloadAndUpdate/PkgURL": ("chr", ""),
    "./LAWMO": ("node", None),
    "./LAWMO/State": ("int", "30"),
    "./LAWMO/AvailableWipeList": ("node", None),
    "./LAWMO/AvailableWipeList/1": ("node", None),
    "./LAWMO/AvailableWipeList/1/ListItemName": ("chr", "contacts"),
    "./LAWMO/AvailableWipeList/1/ToBeWiped": ("bool", "false"),
    "./LAWMO/AvailableWipeList/2": ("node", None),
    "./LAWMO/AvailableWipeList/2/ListItemName": ("chr", "pictures"),
    "./LAWMO/AvailableWipeList/2/ToBeWiped": ("bool", "false"),
    "./SCOMO": ("node", None),
    "./SCOMO/Download": ("node", None),
    "./SCOMO/Inventory": ("node", None),
    "./SCOMO/Inventory/Delivered": ("node", None),
    "./SCOMO/Inventory/Deployed": ("node", None),
    "./DCMO": ("node", None),
    "./DCMO/Camera": ("node", None),
    "./DCMO/Camera/Property": ("chr", "Camera"),
    "./DCMO/Camera/Group": ("chr", "Hardware"),
    "./DCMO/Camera/Attached": ("bool", "true"),
    "./DCMO/Camera/Enabled": ("bool", "true"),
    "./DiagMon": ("node", None),
    "./DiagMon/1": ("node", None),
    "./DiagMon/1/Name": ("chr", "Battery"),
    "./DiagMon/1/Status": ("int", "0"),
    "./DiagMon/1/DiagMonData": ("node", None),
    "./DiagMon/1/DiagMonConfig": ("node", None),
    "./DiagMon/1/DiagMonConfig/ConfigParms": ("node", None),
    "./DiagMon/1/DiagMonConfig/ConfigParms/Interval": ("int", "10"),
}


def is_permanent(uri: str) -> bool:
    """Whether the node came with the phone, so that it keeps its name."""
    return uri in _FACTORY or uri.startswith("./DevInfo") or uri == "./DMAcc"


class Objects:
    """The objects of one phone over its tree; what is under way is kept in ``state``."""

    def __init__(
        self, tree: Tree, types: dict[str, str], state: dict[str, Any], carries: Callable[[str], bool]
    ) -> None:
        """``carries`` says by identifier which of them the phone has."""
        self._tree = tree
        self._state = state
        self._running: list[Alert] = state.setdefault("running", [])
        self.alerts: list[Alert] = state.setdefault("alerts", [])
        self._lacking = tuple(uri for uri, moi in TYPES.items() if uri not in _EVERY_PHONE and not carries(moi))
        for uri in self._lacking:
            _remove(tree, uri)
        self._furnish()
        for uri in [uri for uri in types if uri not in tree]:
            del types[uri]
        types.update({uri: moi for uri, moi in TYPES.items() if uri not in self._lacking})

    @property
    def busy(self) -> bool:
        """Whether something runs that will be told of."""
        return bool(self._running)

    def execute(self, uri: str, correlator: str) -> int:
        """The status of an Exec."""
        node, _, name = uri.rpartition("/")
        if uri in ("./FUMO/Download", "./FUMO/Update", "./FUMO/DownloadAndUpdate"):
            return self._start(uri, correlator)
        if node == "./LAWMO/Operations":
            if name in _LOCKS:
                self._set("./LAWMO/State", _LOCKS[name])
                return OK
            return self._start(uri, correlator) if name in ("Wipe", "FactoryReset") else NOT_FOUND
        owner = node.removesuffix("/Operations")
        if owner not in self._tree or owner == node:
            return NOT_SUPPORTED if uri in self._tree else NOT_ALLOWED
        if owner.startswith("./DCMO/") and name in ("Enable", "Disable"):
            self._set(f"{owner}/Enabled", "true" if name == "Enable" else "false")
            return OK
        if owner.startswith("./DiagMon/") and name in ("Start", "Stop"):
            return self._start(uri, correlator)
        if owner.startswith(("./SCOMO/Download/", "./SCOMO/Inventory/")):
            return self._start(uri, correlator)
        return NOT_ALLOWED

    def written(self, uri: str) -> None:
        """Take note of a value that says more than itself: a package that is there is ready to be installed."""
        if uri == "./FUMO/Update/PkgData":
            self._set("./FUMO/State", "50")

    async def work(self, http: aiohttp.ClientSession) -> None:
        """Carry out what was started; what came of it is told in the next session."""
        started, self._running[:] = list(self._running), []
        for one in started:
            uri = one["uri"]
            if uri.startswith("./FUMO/"):
                kind, source, data = await self._update(http, uri)
            elif uri.startswith("./SCOMO/"):
                kind, source, data = _SCOMO, uri, await self._deploy(http, uri)
            elif uri.startswith("./DiagMon/"):
                kind, source, data = _DIAGMON, uri, self._measure(uri)
            elif uri.endswith("/FactoryReset"):
                self._reset()
                continue
            else:
                kind, source, data = _LAWMO, uri, self._wipe()
            self.alerts.append({"type": kind, "source": source, "data": data, "correlator": one["correlator"]})

    def _start(self, uri: str, correlator: str) -> int:
        self._running.append({"uri": uri, "correlator": correlator})
        return ACCEPTED

    def _set(self, uri: str, value: str, fmt: str = "chr") -> None:
        self._tree[uri] = [self._tree[uri][0] if uri in self._tree else fmt, value]

    async def _update(self, http: aiohttp.ClientSession, uri: str) -> tuple[str, str, str]:
        name = uri.rpartition("/")[2]
        kind = f"org.openmobilealliance.dm.firmwareupdate.{name.lower()}"
        if name != "Update":
            package, code = await _fetch(http, self._tree[f"{uri}/PkgURL"][1] or "")
            if package is None:
                self._set("./FUMO/State", "20")
                return kind, "./FUMO", str(code)
            self._state["package"] = package.hex()
            self._set("./FUMO/State", "40")
        if name != "Download":
            given = unbase64((self._tree.get("./FUMO/Update/PkgData") or ["", ""])[1] or "")
            package = given or bytes.fromhex(self._state.pop("package", ""))
            self._set("./FUMO/Update/PkgData", "", "bin")
            if not package or package.startswith(BAD_PACKAGE):
                self._set("./FUMO/State", "80")
                return kind, "./FUMO", "404" if package else "410"
            self._set("./FUMO/State", "100")
            self._set("./DevDetail/FwV", _version_of(package))
        return kind, "./FUMO", "200"

    async def _deploy(self, http: aiohttp.ClientSession, uri: str) -> str:
        node, name = uri.rpartition("/")[0].removesuffix("/Operations"), uri.rpartition("/")[2]
        deployed = f"./SCOMO/Inventory/Deployed/{node.rpartition('/')[2]}"
        if name in ("DownloadInstall", "Install"):
            package, code = await self._package(http, node, handed=name == "Install")
            if package is None:
                return str(code + 900 if code == 503 else 1402)
            if package.startswith(BAD_PACKAGE):
                return "1407"
            title = (self._tree.get(f"{node}/Name") or ["", ""])[1] or ""
            self._tree[deployed] = ["node", None]
            for leaf, value, fmt in (
                ("ID", title.partition("@")[0], "chr"),
                ("Name", title, "chr"),
                ("Version", title.partition("@")[2], "chr"),
                ("State", "20", "int"),
            ):
                self._tree[f"{deployed}/{leaf}"] = [fmt, value]
            _remove(self._tree, node)
        elif name == "Remove":
            _remove(self._tree, deployed)
        else:
            self._set(f"{deployed}/State", "20" if name == "Activate" else "10")
        return "1200"

    async def _package(self, http: aiohttp.ClientSession, node: str, *, handed: bool) -> tuple[bytes | None, int]:
        """The package that is in the tree, or that is to be fetched."""
        value = (self._tree.get(f"{node}/{'Data' if handed else 'PkgURL'}") or ["", ""])[1] or ""
        return (unbase64(value), OK) if handed else await _fetch(http, value)

    def _measure(self, uri: str) -> str:
        node, starts = uri.partition("/Operations/")[0], uri.endswith("/Start")
        self._set(f"{node}/Status", "1" if starts else "0")
        if starts:
            self._set(f"{node}/DiagMonData/Level", "83", "int")
        return "1200"

    def _wipe(self) -> str:
        chosen = [uri for uri, (_, value) in self._tree.items() if uri.endswith("/ToBeWiped") and value == "true"]
        for uri in chosen:
            self._set(uri, "false")
        return "1202" if chosen else "1406"

    def _reset(self) -> None:
        """Lose everything but what the phone is, its accounts among it."""
        for uri in [uri for uri in self._tree if not uri.startswith("./DevInfo")]:
            del self._tree[uri]
        for what in ("account", "client_nonce", "server_nonce", "parameters", "acls"):
            self._state.pop(what, None)
        self._state["reset"] = True
        self._furnish()

    def _furnish(self) -> None:
        """Put there what the phone came with, where it is not there any more."""
        for uri, (fmt, value) in _FACTORY.items():
            if not any(f"{uri}/".startswith(f"{root}/") for root in self._lacking):
                self._tree.setdefault(uri, [fmt, value])


async def _fetch(http: aiohttp.ClientSession, url: str) -> tuple[bytes | None, int]:
    """The package, in parts as over a bad line, or None with FUMO's code for what went wrong."""
    if not url.startswith(("http://", "https://")):
        return None, 411
    package, total, etag = b"", 1, ""
    try:
        while len(package) < total:
            headers = {"Range": f"bytes={len(package)}-{len(package) + PART_BYTES - 1}"}
            if etag:
                headers["If-Range"] = etag
            async with http.get(url, headers=headers, ssl=False) as response:
                if response.status != 206:
                    return None, 503
                package += await response.read()
                total = int(response.headers["Content-Range"].rpartition("/")[2])
                etag = response.headers["ETag"]
    except (aiohttp.ClientError, KeyError, ValueError):
        return None, 503
    return package, OK


def _version_of(package: bytes) -> str:
    """The version of a firmware: its first line where that is text, else its digest."""
    first = package.splitlines()[0][:40]
    return first.decode() if first.isascii() and first.strip() else hashlib.sha256(package).hexdigest()[:12]


def _remove(tree: Tree, node: str) -> None:
    for uri in [uri for uri in tree if uri == node or uri.startswith(f"{node}/")]:
        del tree[uri]
