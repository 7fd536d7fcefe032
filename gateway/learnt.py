"""What devices of one make and model were found to lack, and their limits: learnt from several, obeyed for all of them.

A record for each model names who refused or said what. Every process has what follows from them at hand, looked at
again every REFRESH_SECONDS, so that a message costs no further read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal

import msgspec
from msgspec.structs import replace

from gateway.errors import Conflict
from gateway.fleet.abilities import is_limit, limits_told, with_limits
from gateway.fleet.device import Device
from gateway.store.protocol import DeleteRecord, PutRecord, Record, Store

KIND = "model"
REFRESH_SECONDS = 15.0
MAX_MODELS = 2000
"""Devices say themselves what they are, and are not to fill the store with names."""
MAX_NAME = 100
MAX_FINDINGS = 50
TRIES = 3
LIMITS = "limits"
"""Stands for all limits of a model where an operator has them forgotten."""

Word = Literal["", "lacks", "has"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which devices refused one command, or said one limit; an operator's ``word`` on it goes before them."""

    devices: tuple[str, ...] = ()
    word: Word = ""


class LearntModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A make and model as its devices write them, and what was found of it, by the name of the command or the limit."""

    manufacturer: str
    model: str
    findings: dict[str, Finding] = {}


_encode = msgspec.msgpack.Encoder(order="sorted").encode
_decode = msgspec.msgpack.Decoder(LearntModel).decode


class LearntModels:
    """Models over a store. A command is held back from all devices of one once ``needed`` refused it; 0 is never."""

    def __init__(self, store: Store, needed: int) -> None:
        self._store = store
        self._needed = needed
        self._models: dict[str, LearntModel] = {}
        self._in_force: dict[str, tuple[str, ...]] = {}
        self._granted: dict[str, tuple[str, ...]] = {}

    def lacking(self, device: Device) -> tuple[str, ...]:
        """What the device is not sent because of what its model lacks."""
        return tuple(finding for finding in self._found(device) if not is_limit(finding))

    def _found(self, device: Device) -> tuple[str, ...]:
        return self._in_force.get(_id(device.manufacturer, device.model), ()) if self._in_force else ()

    def applied(self, device: Device) -> Device:
        """The device as if it had refused what its model lacks, and nothing that it has: to go by, not to be stored.

        One that has not said its limits has those of its model.
        """
        state = device.omadm
        if state is None or not (self._in_force or self._granted):
            return device
        found, granted = self._found(device), self._granted.get(_id(device.manufacturer, device.model), ())
        state = with_limits(state, found)
        lacking = tuple(finding for finding in found if not is_limit(finding))
        verbs = tuple(verb for verb in dict.fromkeys(state.refused_verbs + lacking) if verb not in granted)
        state = state if verbs == state.refused_verbs else replace(state, refused_verbs=verbs)
        return device if state is device.omadm else replace(device, omadm=state)

    async def learn(self, before: Device, after: Device) -> None:
        """Keep what the device refused or said just now for its model, if that is new.

        Of many that say it at once a few are heard: that is as good, and no message fails for what others say.

        Raises: Unavailable.
        """
        was, now = _shown(before), _shown(after)
        key = _id(after.manufacturer, after.model)
        new = [one for one in now if one not in was and one not in self._in_force.get(key, ())] if now != was else []
        if not new or not self._needed or len(key) <= 1:
            return
        if key not in self._models and len(self._models) >= MAX_MODELS:
            return
        for _ in range(TRIES):
            record = await self._store.load_record(KIND, key)
            model = _decode(record.payload) if record else LearntModel(after.manufacturer, after.model)
            findings = self._joined(model.findings, new, after.id)
            if findings == model.findings:
                return
            with suppress(Conflict):
                await self._store.commit(self._put(record, key, replace(model, findings=findings)))
                return

    def _joined(self, known: Mapping[str, Finding], new: Sequence[str], device_id: str) -> dict[str, Finding]:
        """The findings when this device has its say, as far as more need to."""
        findings = dict(known)
        for one in new:
            if one not in findings and len(findings) >= MAX_FINDINGS:
                continue
            finding = findings.get(one, Finding())
            if device_id not in finding.devices and len(finding.devices) < self._needed:
                findings[one] = replace(finding, devices=(*finding.devices, device_id))
        return findings

    async def refresh(self) -> None:
        """Go by what is stored now."""
        models: dict[str, LearntModel] = {}
        after = ""
        while records := await self._store.load_records(KIND, after=after, limit=500):
            models |= {record.id: _decode(record.payload) for record in records}
            after = records[-1].id
        in_force = {key: self._holding(model) for key, model in models.items()}
        granted = {
            key: tuple(verb for verb, finding in model.findings.items() if finding.word == "has")
            for key, model in models.items()
        }
        self._models = models
        self._in_force, self._granted = (
            {key: found for key, found in one.items() if found} for one in (in_force, granted)
        )

    async def list(self) -> Sequence[LearntModel]:
        """All models of which something was found or said, by name."""
        await self.refresh()
        return list(self._models.values())

    def is_in_force(self, finding: Finding) -> bool:
        """Whether that is obeyed for devices that did not refuse the command, or say the limit, themselves."""
        return finding.word == "lacks" or (not finding.word and 0 < self._needed <= len(finding.devices))

    async def say(self, manufacturer: str, model: str, verb: str, word: Word) -> LearntModel:
        """The model after an operator's word on a command; without one what was learnt of it is forgotten.

        So it is of the limits, with LIMITS in place of a command.

        Raises: Conflict when it was changed meanwhile.
        """
        key = _id(manufacturer, model)
        record = await self._store.load_record(KIND, key)
        found = _decode(record.payload) if record else LearntModel(manufacturer, model)
        findings = {
            name: finding
            for name, finding in found.findings.items()
            if name != verb and not (verb == LIMITS and is_limit(name))
        }
        if word:
            findings[verb] = Finding(found.findings.get(verb, Finding()).devices, word)
        said = replace(found, findings=findings)
        if findings:
            await self._store.commit(self._put(record, key, said))
        elif record is not None:
            await self._store.commit(DeleteRecord(record))
        await self.refresh()
        return said

    def _holding(self, model: LearntModel) -> tuple[str, ...]:
        return tuple(name for name, finding in model.findings.items() if self.is_in_force(finding))

    @staticmethod
    def _put(record: Record | None, key: str, model: LearntModel) -> PutRecord:
        payload = _encode(model)
        return PutRecord(replace(record, payload=payload) if record else Record(kind=KIND, id=key, payload=payload))


def _shown(device: Device) -> tuple[str, ...]:
    return (*device.omadm.refused_verbs, *limits_told(device.omadm)) if device.omadm else ()


def _id(manufacturer: str, model: str) -> str:
    """One id however a model's letters are written; a bare mark for a device that has not said what it is."""
    return f"{manufacturer[:MAX_NAME]}\n{model[:MAX_NAME]}".lower()
