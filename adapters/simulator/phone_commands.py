"""A server's commands, carried out by a simulated phone: each with its Status, and Results where it asked.

Spec: OMA-TS-DM_RepPro-V1_2 (commands, Atomic, Sequence); OMA-TS-DM_Protocol-V1_2 7, 10
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from adapters.simulator import phone_tree, subtree
from adapters.simulator.acl import DENIED, PROPERTY, Acls
from adapters.simulator.ddf import NOTHING, Ddf, Node
from adapters.simulator.large_objects import Assembly
from adapters.simulator.objects import Objects, Tree
from adapters.simulator.prompts import CANCELLED, PROMPTS, REFUSALS, User
from adapters.simulator.syncml_markup import Markup, child, children, has, text

OK, BUFFERED, NOT_EXECUTED, ROLLED_BACK, NOT_SUPPORTED, URI_TOO_LONG, UNSUPPORTED = 200, 213, 215, 216, 406, 414, 415
INVALID_CREDENTIALS, COMMAND_FAILED, ATOMIC_FAILED = 401, 500, 507

_GROUPS = ("Atomic", "Sequence")
_VERBS = ("Add", "Replace", "Delete", "Copy", "Get", "Exec", "Alert", *_GROUPS)
_NAME = "prop=Name"
_OBJECT_VERBS = ("Add", "Replace", "Exec")
NEXT_MESSAGE, NO_END_OF_DATA = "1222", "1225"


class Commands:
    """What one phone does with commands; ``refuse`` is URI -> status for writes there.

    ``lacks`` are verbs it answers 406 to; ``list`` stands for the Get of a whole subtree, and ``TNDS`` for the Add
    and Replace of one, which it answers 415 to. ``types`` are the Type properties of interior nodes;
    ``acls`` say what the server may do with a node, and so does the ``ddf``, if any. ``older`` says that it is a phone
    of OMA DM 1.1.2, to which a Replace is an Add where there is nothing.
    """

    def __init__(
        self,
        tree: Tree,
        objects: Objects,
        user: User,
        refuse: Mapping[str, int],
        lacks: Collection[str],
        types: dict[str, str],
        acls: Acls,
        ddf: Ddf | None = None,
        *,
        older: bool = False,
    ) -> None:
        self._tree = tree
        self._types = types
        self._acls = acls
        self._ddf = ddf
        self._older = older
        self._objects = objects
        self._user = user
        self._refuse = refuse
        self._lacks = lacks
        self._cancelled = False
        self.assembly = Assembly()
        self.done: list[str] = []

    def carry_out(self, commands: Iterable[Markup], msg_ref: str, *, allowed: bool) -> list[Markup]:
        """The answers to the commands of one message; to none of them but a refusal when it is not ``allowed``."""
        self._cancelled = False
        answers: list[Markup] = []
        for command in commands:
            if not allowed:
                answers += self._refused(command, msg_ref, INVALID_CREDENTIALS)
            elif self._cancelled:
                answers += self._refused(command, msg_ref, NOT_EXECUTED)
            else:
                answers += self._execute(command, msg_ref)
        if allowed:
            for answer in answers:
                if answer[0] == "Status" and text(answer, "Cmd") not in ("Alert", *_GROUPS):
                    uri = text(answer, "TargetRef") if has(answer, "TargetRef") else ""
                    self.done.append(f"{text(answer, 'Cmd')} {uri} {text(answer, 'Data')}")
        return answers

    def goes_down(self, commands: Iterable[Markup], msg_ref: str, misbehave: str | None) -> bool:
        """Whether the phone restarts over these commands, so that nothing is answered: with an Atomic, if it does so.

        What was done before the Atomic stays. That itself is undone, or done in full, as the phone comes up again.

        Spec: OMA-TS-DM_RepPro-V1_2 (Atomic)
        """
        given = list(commands)
        group = next((index for index, one in enumerate(given) if one[0] == "Atomic"), None)
        if group is None or misbehave not in ("restart-in-atomic", "restart-after-atomic"):
            return False
        self.carry_out(given[: group + (misbehave == "restart-after-atomic")], msg_ref, allowed=True)
        return True

    def _refused(self, command: Markup, msg_ref: str, code: int) -> list[Markup]:
        members = [one for one in command[1] if one[0] in _VERBS] if command[0] in _GROUPS else []
        below = [status for member in members for status in self._refused(member, msg_ref, code)]
        return [status_of(command, msg_ref, code), *below]

    def _execute(self, command: Markup, msg_ref: str) -> list[Markup]:
        name = command[0]
        if name in self._lacks:
            return [status_of(command, msg_ref, NOT_SUPPORTED)]
        if name in _GROUPS:
            return self._execute_group(command, msg_ref)
        if name == "Alert":
            return [self._heed(command, msg_ref)]
        answers: list[Markup] = []
        correlator = text(command, "Correlator") if has(command, "Correlator") else ""
        for item in children(command, "Item"):
            uri = text(child(item, "Target"), "LocURI") if has(item, "Target") else ""
            if self.assembly.broken and not self.assembly.expects(name, uri):
                answers.append(_no_end_of_data(self.assembly.broken))
                self.assembly.drop()
            results: list[Markup] = []
            code = OK
            if name in _OBJECT_VERBS and (has(item, "MoreData") or self.assembly.expects(name, uri)):
                code, item = self.assembly.take(name, uri, item)
            if code == OK:
                code = self._do(name, uri, item, correlator, results)
            answers.append(status_of(command, msg_ref, code, target=uri))
            if results:
                refs: list[Markup] = [("CmdID", ""), ("MsgRef", msg_ref), ("CmdRef", text(command, "CmdID"))]
                answers.append(("Results", [*refs, *results]))
        return answers

    def _execute_group(self, group: Markup, msg_ref: str) -> list[Markup]:
        """All of an Atomic or none of it: after the first failure the rest is left, and what was done is undone.

        A Sequence goes on whatever becomes of its members, unless the user stops it.

        Spec: OMA-TS-DM_RepPro-V1_2 (Atomic: 507, 216, 215; Sequence)
        """
        name, before = group[0], {uri: list(node) for uri, node in self._tree.items()}
        lists, types = dict(self._acls.own), dict(self._types)
        answers: list[Markup] = []
        stopped = False
        for member in (one for one in group[1] if one[0] in _VERBS):
            if stopped:
                answers += self._refused(member, msg_ref, NOT_EXECUTED)
                continue
            if name == "Atomic" and member[0] in ("Get", *_GROUPS):
                given = [status_of(member, msg_ref, COMMAND_FAILED)]
            else:
                given = self._execute(member, msg_ref)
            answers += given
            codes = [int(text(answer, "Data")) for answer in given if answer[0] == "Status"]
            if name == "Atomic":
                stopped = any(code >= 300 or code == CANCELLED for code in codes)
            else:
                stopped = member[0] == "Alert" and any(code in REFUSALS for code in codes)
        failed = name == "Atomic" and stopped
        if failed:
            self._tree.clear()
            self._tree.update(before)
            self._acls.own.clear()
            self._acls.own.update(lists)
            self._types.clear()
            self._types.update(types)
            answers = [_undone(answer) for answer in answers]
        return [status_of(group, msg_ref, ATOMIC_FAILED if failed else OK), *answers]

    def _heed(self, alert: Markup, msg_ref: str) -> Markup:
        """What becomes of an alert: the user's answer to a prompt, or a note taken."""
        code = text(alert, "Data").strip()
        if not code.isdecimal() or int(code) not in PROMPTS:
            known = code in (NEXT_MESSAGE, NO_END_OF_DATA)
            return status_of(alert, msg_ref, OK if known else NOT_SUPPORTED)
        texts = [text(item, "Data") if has(item, "Data") else "" for item in children(alert, "Item")]
        answer = self._user.answer(int(code), texts)
        self._cancelled = answer.code == CANCELLED
        return status_of(alert, msg_ref, answer.code, items=answer.items)

    def _do(self, name: str, uri: str, item: Markup, correlator: str, results: list[Markup]) -> int:
        if not phone_tree.takes(self._tree, uri):
            return URI_TOO_LONG
        node, _, query = uri.partition("?")
        if name == "Get":
            return self._get(uri, results)
        if node in self._refuse:
            return self._refuse[node]
        if name == "Replace" and query == PROPERTY:
            return self._acls.write(node, text(item, "Data") if has(item, "Data") else "")
        if self._older and name == "Replace" and not query and node not in self._tree:
            name = "Add"
        if name == "Copy":
            return self._copy(text(child(item, "Source"), "LocURI") if has(item, "Source") else "", node)
        if not self._acls.allows(name, node):
            return DENIED
        if name == "Replace" and query == _NAME:
            return self._rename(node, text(item, "Data") if has(item, "Data") else "")
        if query:
            return NOT_SUPPORTED
        if name == "Exec":
            code = self._permitted(name, node)
            return self._objects.execute(node, correlator) if code == OK else code
        if name in ("Add", "Replace") and subtree.is_subtree(item):
            if "TNDS" in self._lacks:
                return UNSUPPORTED
            take = subtree.add if name == "Add" else subtree.put
            code = take(self._tree, self._types, node, item, self._judge_together())
            return self._noted(name, node, code)
        return self._write(name, node, item)

    def _write(self, name: str, node: str, item: Markup) -> int:
        """The status of an Add, Replace or Delete of one node."""
        meta = child(item, "Meta") if has(item, "Meta") else ("Meta", [])
        fmt = text(meta, "Format") if has(meta, "Format") else ""
        type_ = text(meta, "Type") if fmt == "node" and has(meta, "Type") else ""
        data = text(item, "Data") if has(item, "Data") else None
        placed = phone_tree.has_parent(self._tree, node)
        code = self._permitted(name, node, Node(fmt, data, type_)) if placed else OK
        if code != OK:
            return code
        if not fmt:
            fmt = self._ddf.format_of(node, self._types) if self._ddf and name == "Add" else "chr"
        code = phone_tree.write(self._tree, name, node, fmt, data)
        if name == "Add" and code == OK and type_:
            self._types[node] = type_
        if code == OK:
            self._objects.written(node)
        return self._noted(name, node, code)

    def _get(self, uri: str, results: list[Markup]) -> int:
        node, _, query = uri.partition("?")
        if query.startswith("list=") and ("list" in self._lacks or (self._older and query.startswith("list=TNDS"))):
            return NOT_SUPPORTED
        if not self._acls.allows("Get", node):
            return DENIED if node in self._tree else phone_tree.NOT_FOUND
        if query == PROPERTY and node in self._tree:
            results.append(phone_tree.item(uri, "chr", self._acls.read(node)))
            return OK
        code, items = phone_tree.read(self._tree, node, query, self._types, self._tells)
        results += items
        return code

    def _copy(self, source: str, target: str) -> int:
        """The status of a Copy, which takes the rights to read the source and to write the target."""
        verb = "Replace" if target in self._tree else "Add"
        if not (self._acls.allows("Get", source) and self._acls.allows(verb, target)):
            return DENIED
        fmt, value = self._tree.get(source, ["", None])
        code = self._permitted(verb, target, Node(fmt or "", value)) if self._tells(source) else phone_tree.FORBIDDEN
        code = phone_tree.copy(self._tree, source, target) if code == OK else code
        if code == OK:
            self._objects.written(target)
        return code

    def _rename(self, node: str, name: str) -> int:
        if self._ddf and node in self._tree and not self._ddf.renames(node, name, self._types):
            return phone_tree.NOT_ALLOWED
        code = phone_tree.rename(self._tree, node, name)
        if code == OK:
            renamed = phone_tree.beside(node, name)
            types = {phone_tree.moved(uri, node, renamed): type_ for uri, type_ in self._types.items()}
            self._types.clear()
            self._types.update(types)
            self._acls.renamed(node, name)
        return code

    def _noted(self, name: str, node: str, code: int) -> int:
        """The code of a command, after which the lists are those of the nodes that there are."""
        if code == OK and name == "Add" and self._tree[node][0] == "node":
            self._acls.added(node)
        if code == OK and name in ("Delete", "Replace"):
            self._acls.deleted()
            for uri in [uri for uri in self._types if uri not in self._tree]:
                del self._types[uri]
        return code

    def _tells(self, uri: str) -> bool:
        """Whether the phone may and can tell the server what is there."""
        if phone_tree.is_secret(uri) or (self._ddf and not self._ddf.tells(uri, self._types)):
            return False
        return self._acls.allows("Get", uri)

    def _permitted(self, verb: str, uri: str, node: Node = NOTHING) -> int:
        """The status by what the phone is said to hold."""
        return self._ddf.judge(verb, uri, node, self._tree, self._types) if self._ddf else OK

    def _judge_together(self) -> subtree.Judge:
        """What the phone thinks of nodes that are to be there with others, told from the top down."""
        types = dict(self._types)

        def judge(uri: str, node: Node) -> int:
            if not phone_tree.takes(self._tree, uri):
                return URI_TOO_LONG
            if uri in self._refuse or not self._ddf:
                return self._refuse.get(uri, OK)
            known = node if node.format == "node" else node._replace(type="")
            code = self._ddf.judge("Add", uri, known, self._tree, types)
            if known.type:
                types[uri] = known.type
            return code

        return judge


def status_of(command: Markup, msg_ref: str, code: int, *, target: str = "", items: Iterable[str] = ()) -> Markup:
    """The Status of a command."""
    content: list[Markup] = [
        ("CmdID", ""),
        ("MsgRef", msg_ref),
        ("CmdRef", text(command, "CmdID")),
        ("Cmd", command[0]),
    ]
    if not target and command[0] not in ("Alert", *_GROUPS) and has(command, "Item"):
        item = child(command, "Item")
        target = text(child(item, "Target"), "LocURI") if has(item, "Target") else ""
    if target:
        content.append(("TargetRef", target))
    told: list[Markup] = [("Item", [("Data", one)]) for one in items]
    return "Status", [*content, ("Data", str(code)), *told]


def _undone(answer: Markup) -> Markup:
    """The answer after its Atomic was rolled back: what had been done is 216."""
    tag, content = answer
    if tag != "Status" or int(text(answer, "Data")) >= 300 or text(answer, "Data") in ("214", "215"):
        return answer
    return tag, [("Data", str(ROLLED_BACK)) if name == "Data" else (name, value) for name, value in content]


def _no_end_of_data(uri: str) -> Markup:
    """Alert 1225: the rest of that node's value did not come."""
    return "Alert", [("CmdID", ""), ("Data", NO_END_OF_DATA), ("Item", [("Target", [("LocURI", uri)])])]
