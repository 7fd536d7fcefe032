"""What the operator's IMS core says of services: kept with the subscriber, and told when it is new.

The same word again is neither kept nor told, so that a core may say it at every refresh.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple

from msgspec.structs import replace

from gateway.errors import Unavailable
from gateway.fleet.detection import phone_of
from gateway.fleet.device import Device
from gateway.fleet.instructions import read_out_by
from gateway.fleet.registration import RegistrationWord, hear
from gateway.fleet.search import Search
from gateway.observe import metrics
from gateway.store.conflicts import try_again
from gateway.store.protocol import Append, Event, Household, PutSubscriber, Store

Outcome = Literal["changed", "known", "stale", "unknown", "failed"]


class Report(NamedTuple):
    """What became of one word. ``why`` says why it failed."""

    outcome: Outcome
    subscriber_id: str = ""
    device_id: str = ""
    why: str = ""


class Registrations:
    """The words of an IMS core, over a store. ``key_of`` gives the key of the MO that a service is named by."""

    def __init__(self, store: Store, key_of: Callable[[str], str], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._key_of = key_of
        self._clock = clock

    async def report(self, word: RegistrationWord) -> Report:
        """What is new in a word, kept and told.

        Raises: NotFound when there is no such service; Unavailable.
        """
        word = replace(word, service=self._key_of(word.service))
        busy = Unavailable("others write this subscriber again and again")
        report = await try_again(lambda: self._report(word), busy)
        metrics.count(metrics.registrations, word.state, report.outcome)
        return report

    async def _report(self, word: RegistrationWord) -> Report:
        household = await self._find(word)
        if household is None:
            return Report("unknown")
        now = self._clock()
        heard = hear(household.subscriber, word, now)
        device = _device(household, word)
        report = Report("changed", heard.subscriber.id, device.id if device else "")
        if heard.subscriber is household.subscriber:
            return report._replace(outcome="stale" if heard.stale else "known")
        by_hand = read_out_by(device.id) if device and word.state == "failed" else ""
        said = {"services": word.service, "by": "ims core", "why": word.why, "by_hand": by_hand}
        event = Event(
            at=now,
            kind=f"activation.{word.state}",
            subscriber_id=report.subscriber_id,
            device_id=report.device_id,
            detail={name: text for name, text in said.items() if text},
        )
        await self._store.commit(PutSubscriber(heard.subscriber), Append(event))
        metrics.count(metrics.activation, word.state)
        return report

    async def _find(self, word: RegistrationWord) -> Household | None:
        for kind, value in word.identities():
            if household := await self._store.load_household(kind, value):
                return household
        # Identities that are neither an IMSI nor a number stand in the subscriber's attributes of these names.
        for name, value in (("impi", word.impi), ("impu", word.impu)):
            if value:
                async for found in self._store.search(Search({f"attributes.{name}": frozenset({value})})):
                    return await self._store.load_household("id", found.subscriber.id)
        return None


def _device(household: Household, word: RegistrationWord) -> Device | None:
    """The phone that the core means: the one with that IMEI, or the only one there is."""
    if word.imei:
        return phone_of(household.devices, word.imei)
    return household.devices[0] if len(household.devices) == 1 else None
