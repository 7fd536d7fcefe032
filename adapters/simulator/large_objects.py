"""Messages of a limited size, and values that are larger than one: cut up as they go, put together as they come.

Spec: OMA-TS-DM_Protocol-V1_2 6 (multiple messages in a package), 7 (large objects)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from adapters.simulator.syncml_markup import Markup, as_text, child, children, has, text

BUFFERED, OK, SIZE_MISMATCH = 213, 200, 424
MIN_PART = 16


class Load(NamedTuple):
    """What goes out in one message, what is left for the next, and whether a value is cut between the two."""

    commands: list[Markup]
    rest: list[Markup]
    cut: bool = False


def fill(commands: list[Markup], fits: Callable[[list[Markup]], bool], *, continued: bool = False) -> Load:
    """As many of the commands as fit, in order; one that is too large goes out by item, and an item in parts.

    ``continued`` says that the first part of the first command's value has gone out before.

    Raises: ValueError when not even a part has room.
    """
    taken, rest = list[Markup](), list(commands)
    while rest and fits([*taken, rest[0]]):
        taken.append(rest.pop(0))
    if not rest or not _is_divisible(rest[0]):
        if rest and not taken:
            raise ValueError("a command has no room in a message")
        return Load(taken, rest)
    tag, content = rest[0]
    items = children(rest[0], "Item")
    if len(items) > 1:
        around = [one for one in content if one[0] != "Item"]
        return fill([*taken, *((tag, [*around, item]) for item in items), *rest[1:]], fits, continued=continued)
    parts = _split(rest[0], lambda part: fits([*taken, part]), continued=continued and not taken)
    if parts is not None:
        return Load([*taken, parts[0]], [parts[1], *rest[1:]], cut=True)
    if not taken:
        raise ValueError("a value has no room in a message")
    return Load(taken, rest)


class Assembly:
    """The parts of the one value that is coming in."""

    def __init__(self) -> None:
        self._key: tuple[str, str] | None = None
        self._meta: list[Markup] = []
        self._parts: list[str | bytes] = []
        self._size = ""
        self.received = 0

    @property
    def broken(self) -> str:
        """The node whose rest did not come; "" while nothing is awaited."""
        return self._key[1] if self._key else ""

    def expects(self, name: str, uri: str) -> bool:
        """Whether the next part has to be of this command on this node."""
        return self._key == (name, uri)

    def drop(self) -> None:
        """Forget what has come."""
        self._key, self._parts, self._size = None, [], ""

    def take(self, name: str, uri: str, item: Markup) -> tuple[int, Markup]:
        """The status of a part, and the whole item when that is 200."""
        if not self.expects(name, uri):
            self.drop()
            self._key = name, uri
            self._meta = list(children(item, "Meta"))
            self._size = text(self._meta[0], "Size") if self._meta and has(self._meta[0], "Size") else ""
        data = child(item, "Data")[1] if has(item, "Data") else ""
        self._parts.append(data)
        self.received += 1
        if has(item, "MoreData"):
            return BUFFERED, item
        in_text = all(isinstance(part, str) for part in self._parts)
        octets = b"".join(part.encode() if isinstance(part, str) else part for part in self._parts)
        size = self._size
        self.drop()
        if size and int(size) != len(octets):
            return SIZE_MISMATCH, item
        whole = octets.decode() if in_text else as_text(octets)
        return OK, ("Item", [child(item, "Target"), *self._meta, ("Data", whole)])


def _is_divisible(command: Markup) -> bool:
    """Only what has items; a Status stays whole, and so does an Alert without any."""
    return command[0] in ("Results", "Replace", "Alert") and has(command, "Item")


def _split(command: Markup, fits: Callable[[Markup], bool], *, continued: bool) -> tuple[Markup, Markup] | None:
    """The largest part of the one item's value that has room, and the command with the rest; None for no room."""
    tag, content = command
    item = child(command, "Item")
    if not has(item, "Data"):
        return None
    data = text(item, "Data")
    size: list[Markup] = [] if continued else [("Size", str(len(data.encode())))]

    def part(value: str, *, more: bool) -> Markup:
        parted: list[Markup] = []
        for name, inner in item[1]:
            told = [*inner, *size] if name == "Meta" and more else value if name == "Data" else inner
            parted.append((name, told))
        if more:
            parted.append(("MoreData", ""))
        return tag, [("Item", parted) if one[0] == "Item" else one for one in content]

    low, high = 0, len(data) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(part(data[:middle], more=True)) else (low, middle - 1)
    if low < MIN_PART:
        return None
    return part(data[:low], more=True), part(data[low:], more=False)
