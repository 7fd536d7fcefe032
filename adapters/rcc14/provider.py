"""Hands a proven client what it is due: finds its device, takes the pure step, saves, and gives the document.

Spec: RCC.14 2.2 (responses), VERS, TOKEN
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from adapters.rcc14.devices import described, find_device, new_device, with_sim, without_any_sim, without_sim
from adapters.rcc14.documents import Documents
from adapters.rcc14.messages import Answer, Request, Whose, parse_request
from adapters.rcc14.proving.proof import Call, Proof
from adapters.rcc14.proving.token import Tokens
from adapters.rcc14.session import Delivery, Kind, Terms, deliver, user_asks, woken
from adapters.rcc14.standing import Question, again, digest, is_settled, may_settle
from adapters.rcc14.tracing import about
from gateway.accounts import Accounts
from gateway.detections import Detections, Seen
from gateway.fleet.activation import Activation, activation, applications_off, service_state
from gateway.fleet.detection import Sighting, is_known
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.subscriber import ServiceState, Subscriber
from gateway.ims_credentials import with_new_credential
from gateway.inventory import next_device_id
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.outreach.deliveries import note_call
from gateway.service import protocol_writes
from gateway.serving.stages import next_stage
from gateway.settings import Rcc14
from gateway.store.protocol import Append, Event, Household, Owned, PutDevice, PutSubscriber, Store, Write
from gateway.trace import is_armed

WAITS = ServiceState.DISABLED_UNTIL_USER


class Provider:
    """Answers clients of which it is known who they are."""

    def __init__(
        self,
        store: Store,
        documents: Documents,
        accounts: Accounts,
        tokens: Tokens,
        settings: Rcc14,
        *,
        terms: Terms,
        detections: Detections,
    ) -> None:
        self._store = store
        self._detections = detections
        self._documents = documents
        self._accounts = accounts
        self._tokens = tokens
        self._settings = settings
        self._terms = terms
        self._edition = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()

    def again(self, asked: Sequence[tuple[Question, Owned]], now: datetime) -> list[Answer | None]:
        """The answers to questions that stand answered; None to each that does not: it goes the long way.

        Raises: DecodeError, LimitExceeded.
        """
        # Step by step for all of them: a row of one thing costs less than as much of it between other things.
        common = self._common()
        found = [self._delivery_again(question, owned, common, now) for question, owned in asked]
        contents = [
            self._content_again(question, owned) if delivery is not None and delivery.kind is Kind.FULL else b""
            for (question, owned), delivery in zip(asked, found, strict=True)
        ]
        answers = [
            None if delivery is None else self._given_again(question, owned, delivery, content, now)
            for (question, owned), delivery, content in zip(asked, found, contents, strict=True)
        ]
        if number := len(answers) - answers.count(None):
            metrics.count(metrics.tokens, "accepted", number=number)
            metrics.count(metrics.acs_proofs, "token", "accepted", number=number)
        return answers

    def _delivery_again(
        self, question: Question, owned: Owned, common: hashlib.blake2b, now: datetime
    ) -> Delivery | None:
        subscriber, device = owned
        state = device.rcc14
        if state is None or not state.settled:
            return None
        if not is_settled(state, digest(question, subscriber, device, common)):
            return None
        return again(question, state, self._terms, now)

    def _content_again(self, question: Question, owned: Owned) -> bytes:
        subscriber, device = owned
        here = self._settings.additional
        additional = here is not None and here.is_meant(question.host)
        # What else the client says of itself is on record.
        said = device.rcc14.parameters if device.rcc14 else {}
        asked = parse_request(question.query) if question.names_applications else Request(about=said)
        return self._documents.content(subscriber, device, asked, additional=additional)

    def _given_again(
        self, question: Question, owned: Owned, delivery: Delivery, content: bytes, now: datetime
    ) -> Answer:
        device, token = owned.device, ""
        if delivery.token_seconds:
            token = self._tokens.issue(device.id, delivery.state.token_serial, question.token)
        return self._given(device, delivery.kind, self._documents.document(delivery, token, content), now)

    def _common(self) -> hashlib.blake2b:
        """What the digests of all questions have in common."""
        return self._tokens.common(f"{self._edition}\n{self._documents.common_key}\n")

    def _settled(self, proof: Proof, call: Call, device: Device, delivery: Delivery, wish: str) -> Rcc14State:
        """The state with what tells that this question is answered, if it would get the same answer again."""
        question, known, household, state = call.question, proof.device, proof.household, delivery.state
        if question is None or known is None or proof.by != "token" or not question.is_read_as(proof.asked):
            return state
        # Content goes out with news of its own the first time.
        if not may_settle(delivery, wish) or (delivery.kind is Kind.FULL and state is not known.rcc14):
            return state
        if not self._documents.is_steady(household.subscriber, known):
            return state
        settled = digest(question, household.subscriber, replace(device, rcc14=state), self._common())
        return state if settled == state.settled else replace(state, settled=settled)

    async def answer(self, proof: Proof, call: Call) -> Answer:
        """The document, or 403 to one whose claims are not what it proved, or whose subscriber has too many devices.

        Raises: Conflict when another request was quicker.
        """
        household, asked, now = proof.household, proof.asked, call.now
        subscriber = household.subscriber
        known = proof.device or find_device(household.devices, asked)
        if proof.by != "token":
            # Whoever read a code sent to the number may well have another SIM: that of an additional device.
            claim = contradiction(subscriber, "" if proof.by == "otp" else asked.imsi, asked.msisdn)
            if claim:
                metrics.count(metrics.acs_enrichment, "mismatch")
                return Answer(403, what=f"claims another {claim}", traced=about(household, now))
            if known is None and len(household.devices) >= self._limit(subscriber):
                return Answer(403, what="too many devices", traced=about(household, now))
        moved = _moved(household, known, proof, asked)
        device, content = moved.device, b""
        wish = self._documents.wish(subscriber, device, asked, additional=call.additional)
        waits = bool(subscriber.application_states) and WAITS in dict(applications_off(subscriber, device)).values()
        if waits and user_asks(device.rcc14 or Rcc14State(), asked, wish, now, alone=True):
            device, waits = replace(device, rcc14=woken(device.rcc14 or Rcc14State())), False
        if self._documents.needs_credential(subscriber, device) or self._documents.needs_account(
            subscriber, device, now
        ):
            device = await self._with_credentials(subscriber, device, now)

        def content_digest() -> bytes:
            nonlocal content
            content = self._documents.content(subscriber, device, asked, additional=call.additional)
            return hashlib.sha256(content).digest()

        delivery = deliver(
            device.id,
            device.rcc14 or Rcc14State(),
            asked,
            service_state(subscriber, device),
            wish=wish,
            key=self._documents.key(subscriber, device),
            digest=content_digest,
            terms=self._terms._replace(terms_of_use="") if call.additional else self._terms,
            now=now,
            tells_to_wait=waits,
        )
        if call.additional:
            # What the user is told is for the default server to say.
            delivery = replace(delivery, message="")
        token = ""
        if delivery.token_seconds:
            proven = asked.token if proof.by == "token" else ""
            token = self._tokens.issue(device.id, delivery.state.token_serial, proven)
        if delivery.kind is Kind.FULL:
            content = content or self._documents.content(subscriber, device, asked, additional=call.additional)
            if profile := self._documents.turns_off(subscriber, device, asked):
                logger().warning("profile_not_supported", device=device.id, rcs_profile=profile)
        else:
            content = b""
        document = self._documents.document(delivery, token, content, call.headers.get("Accept-Language", ""))

        # In the turn in which the content was made: other profiles may be published between two stages.
        state = self._settled(proof, call, device, delivery, wish)
        await next_stage()
        writes: list[Write] = [*proof.spends]
        if state is not device.rcc14 or device is not known:
            after = replace(device, rcc14=state)
            writes.append(PutDevice(after))
            writes += [Append(event) for event in _changes(subscriber, known, after, now)]
            writes += protocol_writes(known, after, now) if known else []
        writes += [PutDevice(other) for other in moved.others]
        writes += [
            Append(Event(at=now, kind=kind, subscriber_id=subscriber.id, device_id=device_id))
            for kind, device_id in moved.events
        ]
        seen = self._sight(household, moved, device, asked, now)
        writes += seen.writes
        calls = note_call(seen.subscriber, device.id, ("rcscfg",), now) if asked.vers == 0 else []
        if seen.subscriber is not subscriber and not calls:
            calls = [PutSubscriber(seen.subscriber)]
        writes += calls
        if writes:
            await self._store.commit(*writes)
        return self._given(device, delivery.kind, document, now)

    def _given(self, device: Device, kind: Kind, document: bytes, now: datetime) -> Answer:
        self._store.touch(device.id, now)
        metrics.count(metrics.acs_documents, kind)
        return Answer(200, document, what=kind, device_id=device.id, traced=Whose(device.id, is_armed(device, now)))

    def _sight(self, household: Household, moved: _Moved, device: Device, asked: Request, now: datetime) -> Seen:
        """What it says that a SIM of the subscriber's has just been proven to be in this phone."""
        if not moved.imsi or not asked.imei or is_known(household.subscriber, moved.imsi, asked.imei):
            return Seen(household.subscriber)
        sighting = Sighting(imsi=moved.imsi, imei=asked.imei, source="rcc14")
        return self._detections.seen(household, sighting, now, device)

    async def _with_credentials(self, subscriber: Subscriber, device: Device, now: datetime) -> Device:
        """The device with the OMA DM account, and the credential for IMS, that its document is to hold.

        They are made, or made anew, where that is due.
        """
        if self._documents.needs_credential(subscriber, device):
            device = with_new_credential(device)
        if not self._documents.needs_account(subscriber, device, now):
            return device
        renewed = self._accounts.renewed(device, now)
        contact = await self._store.load_contact(renewed.omadm.loc_uri, now) if renewed.omadm else None
        if contact is not None and contact.device.id != device.id:
            # The phone was somebody else's, who still has the account: two would answer to one name.
            logger().warning("account_withheld", device=device.id, held_by=contact.device.id)
            return device
        return renewed

    def _limit(self, subscriber: Subscriber) -> int:
        return self._settings.max_devices_per_plan.get(subscriber.plan, self._settings.max_devices)


class _Moved(NamedTuple):
    """The device that asks as it is now, the others that this changes, and what happened, by device id.

    ``imsi`` is the SIM that was proven to be in it just now, empty when none was.
    """

    device: Device
    others: list[Device]
    events: list[tuple[str, str]]
    imsi: str = ""


def _moved(household: Household, known: Device | None, proof: Proof, asked: Request) -> _Moved:
    if known is not None and proof.by == "token":
        return _Moved(described(known, asked), [], [])
    subscriber = household.subscriber
    device = described(known, asked) if known else new_device(next_device_id(household), asked)
    imsi = proof.imsi or (asked.imsi if asked.imsi in subscriber.imsis else "")
    before = device.rcc14.imsi if device.rcc14 else ""
    if imsi:
        device = with_sim(subscriber, device, imsi)
    elif proof.by == "otp":
        device = without_any_sim(device)
    others = without_sim(household.devices, device.id, imsi)
    events = [("device.seen", device.id)] if known is None else []
    if before and imsi and before != imsi:
        events.append(("device.sim_changed", device.id))
    events += [("device.sim_removed", other.id) for other in others]
    return _Moved(device, others, events, proof.imsi)


def _changes(subscriber: Subscriber, before: Device | None, after: Device, now: datetime) -> list[Event]:
    """What an operator wants to hear of: how the device now stands, and what its user said to the terms of use."""
    was = activation(subscriber, before) if before else Activation.NOT_CONFIGURED
    stands = activation(subscriber, after)
    old, new = (before and before.rcc14) or Rcc14State(), after.rcc14 or Rcc14State()
    told: list[tuple[str, dict[str, str]]] = []
    if stands is not was:
        told.append(("device.activation", {"from": was.value, "to": stands.value}))
    if new.ims_serial != old.ims_serial:
        told.append(("ims_credential.made", {"serial": str(new.ims_serial)}))
    if new.woken and not old.woken:
        told.append(("device.woken", {}))
    if new.terms_sent != old.terms_sent:
        told.append(("terms.offered", {"edition": new.terms_sent}))
    if new.terms_accepted != old.terms_accepted:
        told.append(("terms.accepted", {"edition": new.terms_accepted}))
    if stands is Activation.DISABLED_BY_USER and stands is not was and new.terms_sent != new.terms_accepted:
        told.append(("terms.rejected", {"edition": new.terms_sent}))
    return [
        Event(at=now, kind=kind, subscriber_id=subscriber.id, device_id=after.id, detail=detail)
        for kind, detail in told
    ]


def contradiction(subscriber: Subscriber, imsi: str, msisdn: str) -> str:
    """Which of two claimed identities is another than the subscriber's; empty when none is.

    Claims that are empty, or of what is not on record, contradict nothing.
    """
    if imsi and subscriber.imsis and imsi not in subscriber.imsis:
        return "IMSI"
    if msisdn and subscriber.msisdn and msisdn != subscriber.msisdn:
        return "MSISDN"
    return ""
