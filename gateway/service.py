"""The use cases of the device side: what a device is to hold, what to tell it next, and what its answers mean.

Records in, records out; loading and saving is the caller's, so that one request is one read and one commit.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain

from msgspec.structs import replace

from gateway.fleet import abilities
from gateway.fleet.alert import CLIENT_EVENT, GENERIC, DeviceAlert
from gateway.fleet.configuration import Configuration, ExplainedLeaf, configuration, configuration_key, explain
from gateway.fleet.consistency import Breach
from gateway.fleet.desired import ANY, DesiredMo, aligned, among_others
from gateway.fleet.device import Device, imei_of, is_one_phone
from gateway.fleet.mirror import Mirror, Outcome, Read
from gateway.fleet.model import NEVER, Model, ReadBack, model_of
from gateway.fleet.offer import Offer, offered
from gateway.fleet.operation import Operation, TndsForm
from gateway.fleet.owners import Owner, Ownership, ProtocolWord, owners, spoken
from gateway.fleet.plan import is_given_up, one_in_doubt, plan, read_backs
from gateway.fleet.profile import ProfileSet
from gateway.fleet.queue import PATIENCE, Patience
from gateway.fleet.reset import was_updated
from gateway.fleet.roots import find, searches
from gateway.fleet.secret import COVER, is_secret
from gateway.fleet.selection import Selection
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.subtrees import gathered, replaced
from gateway.fleet.variables import variables_of
from gateway.mo.catalogue import Catalogue
from gateway.status import StatusCode
from gateway.store.protocol import Append, Event, PutOperation, Write
from gateway.tree.format import Format
from gateway.tree.uri import Uri

_ABOUT = {"./DevInfo/Man": "manufacturer", "./DevInfo/Mod": "model", "./DevDetail/SwV": "software"}
"""Where a device says of itself what a Device record keeps."""

LISTS = ("list=StructData", "list=Struct")
"""Readings of a subtree that name every node in it."""

MAX_ALERT_EVENTS = 20
"""Most alerts of one message that become events; a device is not to fill the log."""
MAX_ALERT_TEXT = 4096
MAX_DRIFT_EVENTS = 50
MAX_OWNED = 4096
MAX_CONFIGURED = 256

ALERT_EVENTS = {
    f"org.openmobilealliance{infix}.firmwareupdate.{alert}": f"firmware.{event}"
    for infix in ("", ".dm")
    for alert, event in (("devicerequest", "requested"), ("userrequest", "requested by user"))
}
"""The kind of event that an alert of a type (in lower case) becomes; all others are ``device.alert``."""


class Service:
    """The desired side (profiles) and the reported side (mirrors) of devices, and the way between them."""

    def __init__(
        self,
        catalogue: Catalogue,
        profiles: ProfileSet,
        *,
        plmns: Sequence[str],
        roots: Mapping[str, str],
        models: Sequence[Model] = (),
        read_back: ReadBack = NEVER,
        tnds: TndsForm = "wbxml",
        patience: Patience = PATIENCE,
        ownership: Ownership = Ownership(),  # noqa: B008 - a constant
    ) -> None:
        """``plmns`` are the operator's networks; ``roots`` says where each MO is mounted, and ``read_back`` when a
        device is asked for what it holds, unless one of ``models``, or a device itself, differs.
        ``tnds`` is how subtrees are serialized for devices of which no model says otherwise, ``patience`` how often a
        device is told what it never answers. ``ownership`` is which protocol writes an MO of which no profile says so.
        """
        self._catalogue = catalogue
        self._profiles = profiles
        self._plmns = tuple(plmns)
        self._networks = ",".join(plmns)
        self._roots = dict(roots)
        self._models = tuple(models)
        self._read_back = read_back
        self._tnds: TndsForm = tnds
        self.patience = patience
        self._rollout, self._rolled_out = "", profiles
        self._ownership = ownership
        self._owned = functools.lru_cache(MAX_OWNED)(self._owners)
        self._left = functools.lru_cache(MAX_OWNED)(self._left_out)
        # Each message of a session asks for what the first one did.
        self._configured = functools.lru_cache(MAX_CONFIGURED)(_configured)
        self._last: tuple[Subscriber | None, Device | None, Selection | None] = (None, None, None)
        self._common_key = self._named_in_common()

    @property
    def catalogue(self) -> Catalogue:
        """The management objects that are served now."""
        return self._catalogue

    @property
    def profiles(self) -> ProfileSet:
        """The profiles that are served now."""
        return self._profiles

    @property
    def editions(self) -> tuple[ProfileSet, ProfileSet]:
        """All profiles that a device may go by: those that are served, and those that are rolled out."""
        return self._profiles, self._rolled_out

    @property
    def common_key(self) -> str:
        """A text that changes whenever some device's configuration could though no record of it does; cheap."""
        return self._common_key

    def _named_in_common(self) -> str:
        order, carried, documents = self._ownership
        owned = [f"{protocol}={','.join(sorted(mos))}" for protocol, mos in sorted(carried.items())]
        profiles = f"{self._profiles.digest}.{self._rollout}.{self._rolled_out.digest}"
        return f"{profiles}.{self._networks}.{','.join(order)}.{' '.join(owned)}.{documents}"

    def adopt(self, catalogue: Catalogue, profiles: ProfileSet) -> None:
        """Go by these from now on, for every device."""
        self._catalogue, self._profiles, self._last = catalogue, profiles, (None, None, None)
        self._rollout, self._rolled_out = "", profiles
        self._common_key = self._named_in_common()

    def roll_out(self, campaign_id: str, profiles: ProfileSet) -> None:
        """Go by these profiles for the devices to which this campaign gave them."""
        self._rollout, self._rolled_out, self._last = campaign_id, profiles, (None, None, None)
        self._common_key = self._named_in_common()

    def selection(self, subscriber: Subscriber, device: Device) -> Selection:
        """What this device shall hold, before variables; shared by all that match the same profiles."""
        # One request asks several times over, each time of the same two records.
        whose, which, selection = self._last
        if selection is None or subscriber is not whose or device is not which:
            has_new = device.edition and device.edition == self._rollout
            selection = (self._rolled_out if has_new else self._profiles).select(subscriber, device)
            self._last = (subscriber, device, selection)
        return selection

    def owners(self, subscriber: Subscriber, device: Device) -> Mapping[str, Owner]:
        """The protocol that alone writes an MO to this device, for each that has one."""
        selection = self.selection(subscriber, device)
        if not selection.owners and not self._ownership.order:
            return {}
        return self._owned(selection, spoken(device))

    def _owners(self, selection: Selection, spoken: tuple[str, ...]) -> Mapping[str, Owner]:
        return owners(selection.leaves, selection.owners, self._ownership, spoken)

    def left_out(self, subscriber: Subscriber, device: Device, protocol: ProtocolWord) -> frozenset[str]:
        """The MOs that this protocol does not write to the device, for they are another's."""
        if protocol == "rcc14" and self._ownership.documents == "keep":
            return frozenset()
        selection = self.selection(subscriber, device)
        if not selection.owners and not self._ownership.order:
            return frozenset()
        return self._left(selection, spoken(device), protocol)

    def _left_out(self, selection: Selection, spoken: tuple[str, ...], protocol: ProtocolWord) -> frozenset[str]:
        return frozenset([mo for mo, owner in self._owned(selection, spoken).items() if owner.protocol != protocol])

    def variables(self, subscriber: Subscriber, device: Device, names: frozenset[str] | None = None) -> dict[str, str]:
        """The variables of this device, or those of these names, as far as they are known.

        What a device says of itself in characters that no document can carry is as good as not said.
        """
        variables = variables_of(subscriber, device, self._plmns, names)
        if "".join(variables.values()).isprintable():
            return variables
        return {name: value for name, value in variables.items() if value.isprintable()}

    def configuration(self, subscriber: Subscriber, device: Device) -> Configuration:
        """The values this device shall hold."""
        selection = self.selection(subscriber, device)
        variables = self.variables(subscriber, device, selection.variables)
        return self._configured(selection, tuple(variables.items()))

    def configuration_key(self, subscriber: Subscriber, device: Device) -> str:
        """A text that changes whenever this device's configuration could; cheap."""
        selection = self.selection(subscriber, device)
        key = configuration_key(subscriber, device, selection)
        if not selection.owners and not self._ownership.order:
            return f"{key}.{self._networks}"
        # Who owns what follows from what the device speaks.
        return f"{key}.{self._networks}.{'+'.join(spoken(device))}"

    def model(self, device: Device) -> Model:
        """What is known beforehand of devices like this."""
        return model_of(self._models, device)

    def breaches(self, subscriber: Subscriber, device: Device) -> tuple[Breach, ...]:
        """The rules over several nodes that this device's selection breaks."""
        return self._profiles.breaches(self.selection(subscriber, device))

    def explain(self, subscriber: Subscriber, device: Device, node: str = "") -> list[ExplainedLeaf]:
        """Why each leaf at or below the node (all when empty) is what it is."""
        return explain(self.selection(subscriber, device), self.variables(subscriber, device), node)

    def desired_mos(self, subscriber: Subscriber, device: Device, mirror: Mirror) -> dict[str, DesiredMo]:
        """The MOs this device shall hold over OMA DM, by key, with the names that it has for instances.

        Those without a root on it are left out, and those that another protocol owns.
        """
        own = device.omadm.roots if device.omadm else {}
        usual = self._roots | model_of(self._models, device).roots
        desired, theirs = {}, self.left_out(subscriber, device, "omadm")
        for key, values in self.configuration(subscriber, device).values.items():
            root = usual.get(key, "")
            if not root.endswith(ANY):
                root = own.get(key) or root
            if root and key not in theirs:
                managed = self._catalogue.get(key)
                if root.endswith(ANY):
                    among = Uri.parse(root.removesuffix(ANY))
                    mo = among_others(DesiredMo(managed.moi, among, managed.root, values, among), mirror)
                else:
                    mo = DesiredMo(managed.moi, Uri.parse(root), managed.root, values)
                desired[key] = aligned(mo, mirror)
        return desired

    def offered(self, subscriber: Subscriber, device: Device, address: str) -> Offer:
        """What the device is told that asks for a node."""
        return offered(self.desired_mos(subscriber, device, Mirror(device_id=device.id)).values(), address)

    def next_operations(
        self,
        subscriber: Subscriber,
        device: Device,
        mirror: Mirror,
        queued: Sequence[Operation],
        now: datetime,
        unanswered: Collection[str] = (),
        *,
        read_back: bool = False,
        introduced: bool = False,
        limits_assumed: bool = False,
    ) -> tuple[Operation, ...]:
        """What to tell the device next; ``unanswered`` are ids of operations it just passed over in silence.

        Those are left for another session, or the two sides could go on for ever. With ``read_back`` it is also asked
        for all that it shall hold, and when it just ``introduced`` itself for what it left out. Limits that are
        ``limits_assumed`` are good for what keeps to them; for anything else it is asked for its own first.
        """
        if device.omadm is None:
            return ()
        desired = tuple(self.desired_mos(subscriber, device, mirror).values())
        planned = plan(desired, mirror, device.omadm, queued, now, self.patience)
        if read_back:
            ids = {operation.id for operation in planned}
            planned += tuple(one for one in read_backs(desired, device.omadm, now) if one.id not in ids)
        if introduced:
            planned = (*abilities.left_out(mirror), *planned)
        form = self._serializes(device) if planned else None
        if form is not None:
            planned = gathered(planned, mirror, form)
            if (
                model_of(self._models, device).replaces_subtrees
                and abilities.TNDS_REPLACE not in device.omadm.refused_verbs
            ):
                planned = replaced(planned, desired, mirror, form)
        planned = tuple(operation for operation in planned if operation.id not in unanswered)
        known = abilities.is_known(device.omadm) and not (
            limits_assumed and abilities.are_exceeded(device.omadm, planned)
        )
        if planned and not known:
            silent = [ask.id for ask in abilities.ASKS if is_given_up(mirror, ask.uri, self.patience)]
            asks = [ask for ask in abilities.ASKS if ask.id not in unanswered and ask.id not in silent]
            if asks:
                # What may be sent at all is to be known first.
                return (*asks, *(operation for operation in planned if operation.origin == "discover"))
        seeking = searches(desired, mirror, device.omadm, now, self.patience)
        sought = [one for one in seeking if one.id not in unanswered]
        if sought:
            return (*sought, *(operation for operation in planned if operation.origin != "diff"))
        return one_in_doubt(planned, mirror)

    def checks_changes(self, device: Device) -> bool:
        """Whether what this device accepts is read back at once."""
        return self._policy(device).changes

    def is_read_back_due(self, device: Device, now: datetime) -> bool:
        """Whether it is time to ask this device for all that it shall hold."""
        seconds = self._policy(device).seconds
        if not seconds or device.omadm is None:
            return False
        last = device.omadm.read_back_at
        return last is None or now - last >= timedelta(seconds=seconds)

    def _serializes(self, device: Device) -> TndsForm | None:
        """How a whole new subtree is added to this device in one command; None for node by node."""
        state = device.omadm
        if state is None or abilities.TNDS in state.refused_verbs:
            return None
        model = model_of(self._models, device)
        if model.subtrees == "auto":
            return model.tnds or self._tnds if state.serializes else None
        return None if model.subtrees == "off" else model.subtrees

    def _policy(self, device: Device) -> ReadBack:
        return (model_of(self._models, device).read_back if self._models else None) or self._read_back

    def learn_from(self, device: Device, outcomes: Iterable[Outcome]) -> Device:
        """The device with what its answers say of its abilities, of where its MOs are, and of what it is.

        The same object comes back when they say nothing new.
        """
        state = device.omadm
        if state is None:
            return device
        about: dict[str, str] = {}
        for outcome in outcomes:
            state = find(abilities.learn(state, outcome), outcome, self._catalogue.keys)
            for read in outcome.reads:
                if read.value and (field := _ABOUT.get(read.uri if read.uri.startswith("./") else f"./{read.uri}")):
                    about[field] = read.value
        if [getattr(device, field) for field in about] != list(about.values()):
            # These are variables of the configuration.
            device = replace(device, content_revision=device.content_revision + 1, **about)
        return device if state is device.omadm else replace(device, omadm=state)


def _configured(selection: Selection, variables: tuple[tuple[str, str], ...]) -> Configuration:
    return configuration(selection, dict(variables))


def record_outcomes(mirror: Mirror, outcomes: Iterable[Outcome], now: datetime, *, check: bool = False) -> Mirror:
    """The mirror after the device's answers; a list of a whole subtree tells what is not there as well.

    With ``check`` what the gateway set by itself is to be read back.
    """
    for outcome in chain.from_iterable(map(Outcome.steps, outcomes)):
        operation = outcome.operation
        if operation.verb == "Get":
            root, _, query = operation.uri.partition("?")
            structure = query == "list=Struct"
            reads = outcome.reads
            if query.startswith("list=TNDS") and not _is_absorbed(reads, query):
                # A serialized subtree that nobody could read is the value of no node.
                query, reads = "", ()
            whole = query in LISTS or query.startswith("list=TNDS")
            complete = Uri.parse(root) if whole and outcome.status.is_success else None
            if complete == Uri():
                # That much is not kept of a device; and what a server may not see is not there either.
                reads, complete = (), None
            mirror = mirror.read(reads, now, "Results", complete, structure=structure)
            for read in reads if not query else ():
                if read.children is not None:
                    mirror = mirror.named(read.uri, read.children, walk=operation.origin == "discover")
        ours = check and operation.origin == "diff"
        mirror = mirror.acknowledged([(operation, int(outcome.status))], now, check=ours)
    return mirror


def _is_absorbed(reads: Sequence[Read], query: str) -> bool:
    """Whether the answer to ``?list=TNDS…`` was laid open, and has the values and formats of what is in it."""
    told, chosen = {"Value", "Format"}, query.removeprefix("list=TNDS")
    if chosen.startswith("+"):
        told &= set(chosen[1:].split("+"))
    else:
        told -= set(chosen[1:].split("-"))
    return len(told) == 2 and bool(reads) and reads[0].format == Format.NODE


def protocol_writes(before: Device, after: Device, now: datetime) -> list[Write]:
    """An event when a device was met over one protocol more than it was known to speak: MOs may change their owner."""
    was, speaks = spoken(before), spoken(after)
    if not was or speaks == was:
        return []
    return [_event(after, now, "device.protocols", {"speaks": " ".join(speaks), "was": " ".join(was)})]


def refusal_writes(device: Device, outcomes: Iterable[Outcome], now: datetime) -> list[Write]:
    """An event for each change of the tree that the device refused, whoever asked for it."""
    writes: list[Write] = []
    for outcome in chain.from_iterable(map(Outcome.steps, outcomes)):
        operation, status = outcome.operation, outcome.status
        if operation.verb not in ("Get", "Alert") and not status.is_success and status != StatusCode.ALREADY_EXISTS:
            detail = {"verb": operation.verb, "uri": operation.uri, "status": str(status)}
            writes.append(_event(device, now, "value.refused", detail))
    return writes


def drift_writes(device: Device, mirror: Mirror, outcomes: Iterable[Outcome], now: datetime) -> list[Write]:
    """An event for each node that a device was asked for and that is not what ``mirror``, from before, believed.

    Only what the device accepted from the gateway can drift, or be lost. Values are not told: they may be secret.
    """
    writes: list[Write] = []
    for outcome in chain.from_iterable(map(Outcome.steps, outcomes)):
        if outcome.operation.verb != "Get":
            continue
        told = {read.uri if read.uri.startswith("./") else f"./{read.uri}": read for read in outcome.reads}
        for uri, read in told.items():
            fact = mirror.facts.get(uri)
            if fact is None or fact.acknowledged is None or read.value is None:
                continue
            if not Format.parse(fact.format).same(fact.effective, read.value):
                writes.append(_event(device, now, "value.drifted", {"uri": read.uri}))
        root, _, query = outcome.operation.uri.partition("?")
        if outcome.status == StatusCode.NOT_FOUND or (outcome.status.is_success and query in LISTS):
            lost = [
                uri
                for uri, fact in mirror.facts.items()
                if f"{uri}/".startswith(f"{root}/") and fact.acknowledged is not None and uri not in told
            ]
            writes += [_event(device, now, "value.lost", {"uri": uri}) for uri in lost]
    return writes[:MAX_DRIFT_EVENTS]


def reset_writes(device: Device, sign: str, now: datetime) -> list[Write]:
    """An event when a device seems to have lost what it held, though nobody told it to."""
    if not sign or was_updated(device, now):
        return []
    return [_event(device, now, "device.reset_suspected", {"sign": sign})]


def doubt_writes(
    device: Device, mirror: Mirror, unanswered: Iterable[Operation], now: datetime, patience: Patience = PATIENCE
) -> list[Write]:
    """An event for each of the gateway's own commands that has now been left without an answer too often."""
    writes: list[Write] = []
    for operation in unanswered:
        fact = mirror.facts.get(operation.uri.partition("?")[0])
        if operation.origin != "queue" and fact is not None and fact.tries == patience.tries:
            writes.append(_event(device, now, "value.quarantined", {"verb": operation.verb, "uri": operation.uri}))
    return writes


def queue_writes(device: Device, changed: Iterable[Operation], now: datetime) -> list[Write]:
    """The writes that keep queued operations as they are now, and an event for each that ended or began to run."""
    writes: list[Write] = []
    for operation in changed:
        writes.append(PutOperation(device.id, operation))
        detail = {"id": operation.id, "verb": operation.verb, "uri": operation.uri}
        if operation.status is not None:
            detail["status"] = str(StatusCode(operation.status))
            if operation.result is not None:
                detail["result"] = str(operation.result)
            writes.append(_event(device, now, "operation.ended", detail))
        elif operation.accepted_at == now:
            writes.append(_event(device, now, "operation.accepted", detail))
    return writes


def sent_writes(device: Device, sent: Iterable[Operation], now: datetime) -> list[Write]:
    """The writes that note queued operations as sent."""
    return [
        PutOperation(device.id, replace(operation, sent_at=now, attempts=operation.attempts + 1))
        for operation in sent
        if operation.origin == "queue"
    ]


def note_alerts(device: Device, alerts: Sequence[DeviceAlert], now: datetime) -> list[Write]:
    """An event for each alert that is no part of the protocol itself, of a kind by its type; unknown types too.

    The end of an operation is not told here but by ``fleet.queue.settle``, which knows what runs.
    """
    telling = [alert for alert in alerts if alert.code in (GENERIC, CLIENT_EVENT)]
    writes: list[Write] = []
    for alert in telling[:MAX_ALERT_EVENTS]:
        detail = {
            "code": str(alert.code),
            "type": alert.type,
            "mark": alert.mark,
            "source": alert.source,
            "target": alert.target,
            "data": COVER if is_secret(alert.source) or is_secret(alert.target) else alert.data or "",
            "correlator": alert.correlator,
        }
        said = {name: text[:MAX_ALERT_TEXT] for name, text in detail.items() if text}
        writes.append(_event(device, now, ALERT_EVENTS.get(alert.kind.lower(), "device.alert"), said))
    return writes


def _event(device: Device, now: datetime, kind: str, detail: dict[str, str]) -> Append:
    event = Event(at=now, kind=kind, subscriber_id=device.subscriber_id, device_id=device.id, detail=detail)
    return Append(event)


def describe_device(device: Device, reads: Sequence[Read]) -> Device:
    """The device with what it says of itself, and a digest by which saying the same again is known.

    The same object comes back when nothing is new.
    """
    state = device.omadm
    if state is None or not reads:
        return device
    said = hashlib.blake2b(
        "\0".join([f"{read.uri}={read.value}" for read in reads]).encode("utf-8", "replace"), digest_size=12
    ).digest()
    if said == state.described:
        return device
    about = {
        field: read.value
        for read in reads
        if read.value and (field := _ABOUT.get(read.uri if read.uri.startswith("./") else f"./{read.uri}"))
    }
    imei = imei_of(next((read.value or "" for read in reads if read.uri.removeprefix("./") == "DevInfo/DevId"), ""))
    if imei and not (device.imei and is_one_phone(device.imei, imei)):
        about["imei"] = imei
    known = abilities.forgotten(state) if state.described else state
    described = replace(device, omadm=replace(known, described=said), **about)
    if [getattr(device, field) for field in about] != list(about.values()):
        # Make, model, software and IMEI are variables of the configuration.
        described = replace(described, content_revision=device.content_revision + 1)
    return described
