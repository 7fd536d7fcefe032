"""The management tree of a simulated phone: what it holds from the start, and what commands make of it.

Spec: OMA-TS-DM_TND-V1_2 4; OMA-TS-DM_StdObj-V1_2 5.1, 5.3
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol
from xml.sax.saxutils import escape

from adapters.simulator.objects import Tree, is_permanent
from adapters.simulator.syncml_markup import Markup

_ROOT = "./DMAcc/mogate"
OLDER = "./SyncML/DMAcc"
"""Where a phone of OMA DM 1.1.2 has its accounts."""
_OLDER_SECRETS = {"CLCRED": "ClientPW", "SRVCRED": "ServerPW"}

NO_TYPES: Mapping[str, str] = MappingProxyType({})

OK, FORBIDDEN, NOT_FOUND, NOT_ALLOWED, NOT_SUPPORTED, TOO_LONG, EXISTS = 200, 403, 404, 405, 406, 414, 418


class Account(Protocol):
    """The phone, and both directions of its account with the gateway."""

    @property
    def loc_uri(self) -> str: ...
    @property
    def manufacturer(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def client_name(self) -> str: ...
    @property
    def client_password(self) -> str: ...
    @property
    def server_name(self) -> str: ...
    @property
    def server_password(self) -> str: ...
    @property
    def server_id(self) -> str: ...


def fresh_tree(account: Account, version: str) -> Tree:
    """The tree as it comes from the factory, but for the standard objects."""
    leaves = {
        "./DevInfo/DevId": account.loc_uri,
        "./DevInfo/Man": account.manufacturer,
        "./DevInfo/Mod": account.model,
        "./DevInfo/DmV": version,
        "./DevInfo/Lang": "en",
    }
    return {"./DevInfo": ["node", None], **{uri: ["chr", value] for uri, value in leaves.items()}}


def accounts_of(tree: Tree, server_id: str) -> list[str]:
    """The nodes of the accounts with that server, the one that was added last first."""
    return [
        uri.rpartition("/")[0]
        for uri, (_, value) in reversed(tree.items())
        if uri.endswith(("/ServerID", "/ServerId")) and value == server_id
    ]


def secret_of(tree: Tree, account: str, level: str) -> str:
    """The password of one direction of an account: CLCRED or SRVCRED."""
    if account.startswith(f"{OLDER}/"):
        return (tree.get(f"{account}/{_OLDER_SECRETS[level]}") or ["", ""])[1] or ""
    for uri, (_, value) in tree.items():
        if uri.startswith(f"{account}/AppAuth/") and uri.endswith("/AAuthLevel") and value == level:
            return (tree.get(f"{uri.rpartition('/')[0]}/AAuthSecret") or ["", ""])[1] or ""
    return ""


def address_of(tree: Tree, account: str) -> str:
    """The URL of an account's server, where the account says one."""
    leaf = "Addr" if account.startswith(f"{OLDER}/") else "AppAddr/1/Addr"
    return (tree.get(f"{account}/{leaf}") or ["", ""])[1] or ""


def is_secret(uri: str) -> bool:
    """Whether the phone tells nobody what is there."""
    return uri.endswith(("/AAuthSecret", *(f"/{leaf}" for leaf in _OLDER_SECRETS.values())))


def add_account(tree: Tree, account: Account, version: str) -> None:
    """Add the DMAcc subtree of the account the phone came with; it never tells the secrets.

    Spec: OMA-TS-DM_StdObj-V1_2 5.3; SyncML Device Management 1.1.2 (DMAcc)
    """
    if accounts_of(tree, account.server_id):
        return
    if version != "1.2":
        above = OLDER.rpartition("/")[0]
        tree |= {uri: ["node", None] for uri in (above, OLDER, f"{OLDER}/mogate")}
        leaves = {
            "AddrType": "1",
            "ServerId": account.server_id,
            "UserName": account.client_name,
            "ClientPW": account.client_password,
            "ServerPW": account.server_password,
            "AuthPref": "syncml:auth-md5",
            "Name": account.server_id,
        }
        tree |= {f"{OLDER}/mogate/{leaf}": ["chr", value] for leaf, value in leaves.items()}
        return
    root = _ROOT
    for uri, (fmt, value) in {
        "./DMAcc": ("node", None),
        root: ("node", None),
        f"{root}/AppID": ("chr", "w7"),
        f"{root}/ServerID": ("chr", account.server_id),
        f"{root}/AppAuth": ("node", None),
        f"{root}/AppAuth/1": ("node", None),
        f"{root}/AppAuth/1/AAuthLevel": ("chr", "CLCRED"),
        f"{root}/AppAuth/1/AAuthName": ("chr", account.client_name),
        f"{root}/AppAuth/1/AAuthSecret": ("chr", account.client_password),
        f"{root}/AppAuth/2": ("node", None),
        f"{root}/AppAuth/2/AAuthLevel": ("chr", "SRVCRED"),
        f"{root}/AppAuth/2/AAuthName": ("chr", account.server_name),
        f"{root}/AppAuth/2/AAuthSecret": ("chr", account.server_password),
    }.items():
        tree.setdefault(uri, [fmt, value])


LIMITS = ("./DevDetail/URI/MaxDepth", "./DevDetail/URI/MaxTotLen", "./DevDetail/URI/MaxSegLen")


def takes(tree: Tree, uri: str) -> bool:
    """Whether a URI is within the limits that the phone itself tells; 0 is no limit."""
    segments = uri.partition("?")[0].removeprefix("./").split("/")
    sizes = len(segments), len(uri), max(len(segment) for segment in segments)
    most = [int((tree.get(limit) or ["", "0"])[1] or 0) for limit in LIMITS]
    return all(not limit or size <= limit for size, limit in zip(sizes, most, strict=True))


def has_parent(tree: Tree, node: str) -> bool:
    """Whether the node above is there, so that an Add has a place."""
    parent = node.rpartition("/")[0]
    return parent == "." or parent in tree


def write(tree: Tree, verb: str, node: str, fmt: str, data: str | None) -> int:
    """The status of an Add, Replace or Delete, which is carried out."""
    if verb == "Add":
        if node in tree:
            return EXISTS
        if not has_parent(tree, node):
            return NOT_FOUND
        tree[node] = [fmt, None if fmt == "node" else data or ""]
        return OK
    if node not in tree:
        return NOT_FOUND if verb in ("Replace", "Delete") else NOT_ALLOWED
    if verb == "Replace":
        tree[node] = [tree[node][0] if fmt == "chr" else fmt, data or ""]
        return OK
    if verb == "Delete":
        for below in [known for known in tree if known == node or known.startswith(node + "/")]:
            del tree[below]
        return OK
    return NOT_SUPPORTED


def copy(tree: Tree, source: str, target: str) -> int:
    """The status of a Copy, which is carried out: a leaf's value and format go over another, or make one.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Copy: 403)
    """
    fmt, value = tree.get(source, ["node", None])
    parent = target.rpartition("/")[0]
    leads = parent == "." or tree.get(parent, ["", None])[0] == "node"
    if fmt == "node" or is_secret(source) or tree.get(target, ["", None])[0] == "node" or not leads:
        return FORBIDDEN
    tree[target] = [fmt, value]
    return OK


def rename(tree: Tree, node: str, name: str) -> int:
    """The status of a Replace of a node's Name, which is carried out for all that is below as well.

    Spec: OMA-TS-DM_TND-V1_2 7.7 (Name); OMA-TS-DM_RepPro-V1_2 6.6 (Replace: 418)
    """
    renamed = beside(node, name)
    if node not in tree:
        return NOT_FOUND
    if is_permanent(node) or not name or "/" in name:
        return NOT_ALLOWED
    if not all(takes(tree, moved(uri, node, renamed)) for uri in tree if f"{uri}/".startswith(f"{node}/")):
        return TOO_LONG
    if renamed in tree:
        return OK if renamed == node else EXISTS
    nodes = {moved(uri, node, renamed): held for uri, held in tree.items()}
    tree.clear()
    tree.update(nodes)
    return OK


def beside(node: str, name: str) -> str:
    """The URI of the node of that name under the same parent."""
    return f"{node.rpartition('/')[0]}/{name}"


def moved(uri: str, node: str, renamed: str) -> str:
    """The URI after a node, which may be this one or above it, has been renamed."""
    return renamed + uri[len(node) :] if f"{uri}/".startswith(f"{node}/") else uri


def read(
    tree: Tree,
    node: str,
    query: str,
    types: Mapping[str, str] = NO_TYPES,
    tells: Callable[[str], bool] = lambda _: True,
) -> tuple[int, list[Markup]]:
    """The status of a Get, and an item for each node it tells of: what ``tells`` keeps back is not there for a server.

    ``types`` are those of interior nodes.
    """
    node = node.rstrip("/")
    if node not in tree and node != ".":
        return NOT_FOUND, []
    properties = {
        "prop=Type": types.get(node, ""),
        "prop=Format": (tree.get(node) or ["node"])[0] or "",
        "prop=Name": node.rpartition("/")[2],
    }
    if query in properties:
        return OK, [item(f"{node}?{query}", "chr", properties[query])]
    if query not in ("", "list=StructData", "list=Struct", "list=TNDS"):
        return NOT_SUPPORTED, []
    if node != "." and not tells(node):
        return NOT_ALLOWED, []
    start = node + "/"
    below = sorted(known for known in tree if query and known.startswith(start) and tells(known))
    if query == "list=TNDS":
        return OK, [item(node, "xml", _tnds(tree, node, below, types), "application/vnd.syncml.dmtnds+xml")]
    items: list[Markup] = []
    for uri in [node, *below]:
        fmt, value = tree.get(uri, ["node", None])
        if fmt == "node" and not query:
            value = "/".join(sorted({known[len(start) :].split("/")[0] for known in tree if known.startswith(start)}))
        items.append(item(uri, fmt or "chr", None if query == "list=Struct" else value, types.get(uri, "")))
    return OK, items


def item(uri: str, fmt: str, value: str | None, type_: str = "") -> Markup:
    """What a Get tells of one node or property."""
    meta: list[Markup] = [("Format", fmt), *([("Type", type_)] if type_ else [])]
    content: list[Markup] = [("Source", [("LocURI", uri)]), ("Meta", meta)]
    return "Item", content if value is None else [*content, ("Data", value)]


def _tnds(tree: Tree, node: str, below: list[str], types: Mapping[str, str]) -> str:
    """The subtree as one text. Spec: OMA-TS-DM_TNDS-V1_2 5"""

    def one(uri: str) -> str:
        fmt, value = tree[uri]
        type_ = f"<Type><DDFName>{types[uri]}</DDFName></Type>" if uri in types else ""
        told = f"<Value>{escape(value or '')}</Value>" if fmt != "node" else ""
        inner = "".join(one(child) for child in below if child.rpartition("/")[0] == uri)
        properties = f"<RTProperties><Format><{fmt}/></Format>{type_}</RTProperties>"
        return f"<Node><NodeName>{uri.rpartition('/')[2]}</NodeName>{properties}{told}{inner}</Node>"

    return f"<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>{one(node)}</MgmtTree>"
