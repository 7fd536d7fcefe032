"""Which edition of the profiles each device gets while a new one is rolled out: the same in every process.

The rollout is a record of the store, with both editions beside it, because the files of a gateway are those of the new
one. Processes look at the record each second, and devices' calls read nothing for it: a device that has the new edition
says so in its own record.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict, Unavailable
from gateway.fleet.consistency import Rule
from gateway.fleet.profile import ProfileSet, parse_profiles
from gateway.fleet.rollout import Edition, Rollout, RolloutState
from gateway.mo.catalogue import Catalogue
from gateway.observe.logs import logger
from gateway.service import Service
from gateway.store.protocol import DeleteRecord, PutRecord, Record, Store, Write

KIND = "edition"
FILES = "edition.files"
ROLLOUT = "rollout"
POLL_SECONDS = 1.0

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Rollout).decode
_decode_edition = msgspec.msgpack.Decoder(Edition).decode


class Read(NamedTuple):
    """Profiles as the files of this gateway have them, and what they are read with."""

    catalogue: Catalogue
    rules: tuple[Rule, ...]
    profiles: ProfileSet
    edition: Edition


class Rollouts:
    """What this process serves of profiles; ``read`` are its files as they are at its start."""

    def __init__(self, store: Store, service: Service, read: Read) -> None:
        self._store = store
        self._service = service
        self._read = read
        self._record: Record | None = None
        self._rollout: Rollout | None = None
        self._editions: dict[str, Edition] = {read.edition.digest: read.edition}
        self._parsed: tuple[ProfileSet, ProfileSet] | None = None

    @property
    def rollout(self) -> Rollout | None:
        """The newest rollout as this process knows it, which may be over."""
        return self._rollout

    async def refresh(self) -> None:
        """Go by the rollout as it stands in the store. Raises: ConfigError, Unavailable."""
        record = await self._store.load_record(KIND, ROLLOUT)
        if record == self._record:
            return
        rollout = _decode(record.payload) if record else None
        for digest in (rollout.old, rollout.new) if rollout else ():
            if digest not in self._editions:
                kept = await self._store.load_record(FILES, digest)
                if kept is None:
                    raise ConfigError(f"the store has a rollout of profiles, and lacks their edition {digest}")
                self._editions[digest] = _decode_edition(kept.payload)
        parsed = self._parse(rollout, self._read)
        was, self._record, self._rollout, self._parsed = self._rollout, record, rollout, parsed
        if parsed is not None and rollout is not None and rollout.state is RolloutState.DONE and _is_same(was, rollout):
            # What was rolled out is what everybody has, whatever the files have become meanwhile.
            self._read = self._read._replace(profiles=parsed[1], edition=self._editions[rollout.new])
        self._serve()

    async def check(self, read: Read) -> None:
        """These files may be taken up. Raises: ConfigError when a rollout stands in the way; Unavailable."""
        await self.refresh()
        rollout = self._rollout
        if rollout is not None and rollout.refuses(read.edition.digest):
            raise ConfigError(
                f"campaign {rollout.campaign} rolls out other profiles than the files have now: put those back, or "
                f"undo it (`mogate campaign undo {rollout.campaign}`) first"
            )
        self._parse(rollout, read)

    def adopt(self, read: Read) -> None:
        """Go by these files from now on, as far as no rollout holds them back. They are checked."""
        self._parsed = self._parse(self._rollout, read)
        self._read = read
        self._editions[read.edition.digest] = read.edition
        self._serve()

    async def begin(self, campaign_id: str, new: Edition) -> list[Write]:
        """The writes by which the campaign rolls out that edition, in place of the one that is served.

        Raises: Conflict while another rollout is not over.
        """
        await self.refresh()
        if self._rollout is not None and self._rollout.state is RolloutState.ROLLING:
            raise Conflict(not_over(self._rollout))
        old = self._served_edition()
        self._editions |= {old.digest: old, new.digest: new}
        writes: list[Write] = []
        past = {self._rollout.old, self._rollout.new} if self._rollout else set()
        for digest in {old.digest, new.digest}:
            if await self._store.load_record(FILES, digest) is None:
                payload = _encode(self._editions[digest])
                writes.append(PutRecord(Record(kind=FILES, id=digest, payload=payload)))
        for digest in past - {old.digest, new.digest}:
            if (kept := await self._store.load_record(FILES, digest)) is not None:
                writes.append(DeleteRecord(kept))
        rollout = Rollout(campaign=campaign_id, old=old.digest, new=new.digest)
        record = self._record or Record(kind=KIND, id=ROLLOUT, payload=b"")
        return [*writes, PutRecord(replace(record, payload=_encode(rollout)))]

    async def turn(self, campaign_id: str, state: RolloutState) -> list[Write]:
        """The writes by which the rollout of that campaign stands so.

        Raises: Conflict when other profiles were served since.
        """
        record = await self._store.load_record(KIND, ROLLOUT)
        rollout = _decode(record.payload) if record else None
        if record is None or rollout is None or rollout.campaign != campaign_id:
            raise Conflict(f"other profiles were published since campaign {campaign_id}; publish those that you want")
        return [PutRecord(replace(record, payload=_encode(replace(rollout, state=state))))]

    async def end(self) -> list[Write]:
        """The writes by which the files are all that counts again."""
        record = await self._store.load_record(KIND, ROLLOUT)
        return [] if record is None else [DeleteRecord(record)]

    async def watch(self) -> None:
        """Go by what other processes do, for as long as this runs."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.refresh()
            except Unavailable:
                continue
            except ConfigError as error:
                logger().error("rollout_not_served", why=str(error))

    def _parse(self, rollout: Rollout | None, read: Read) -> tuple[ProfileSet, ProfileSet] | None:
        """Both editions of a rollout, read with these DDFs and rules."""
        if rollout is None:
            return None
        old, new = (
            read.profiles
            if digest == read.edition.digest
            else parse_profiles(self._editions[digest].files, read.catalogue, read.rules)
            for digest in (rollout.old, rollout.new)
        )
        return old, new

    def _served_edition(self) -> Edition:
        rollout = self._rollout
        if rollout is not None and rollout.holds_back(self._read.edition.digest):
            return self._editions[rollout.old]
        return self._read.edition

    def _serve(self) -> None:
        rollout, read = self._rollout, self._read
        if rollout and self._parsed and rollout.state is RolloutState.UNDONE and read.edition.digest == rollout.new:
            # What was taken back is not served again by being what the files are.
            self._read = read = read._replace(profiles=self._parsed[0], edition=self._editions[rollout.old])
        if rollout is None or self._parsed is None or not rollout.holds_back(read.edition.digest):
            self._service.adopt(read.catalogue, read.profiles)
            return
        if rollout.refuses(read.edition.digest):
            logger().warning("profiles_held_back", campaign=rollout.campaign, why="a rollout of others goes on")
        old, new = self._parsed
        self._service.adopt(read.catalogue, old)
        if rollout.state is RolloutState.ROLLING:
            self._service.roll_out(rollout.campaign, new)


def not_over(rollout: Rollout) -> str:
    """What to tell who wants other profiles served while this goes on."""
    return (
        f"campaign {rollout.campaign} is still rolling out an edition of the profiles; let it finish, or undo it "
        f"(`mogate campaign undo {rollout.campaign}`)"
    )


def _is_same(was: Rollout | None, now: Rollout) -> bool:
    return was is not None and was.campaign == now.campaign
