"""Writers that share transactions hear of what became of theirs, whatever that is."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from gateway.errors import Unavailable
from gateway.store.group_commit import GroupCommit


def _lose_connection(cursor: sqlite3.Cursor) -> None:
    """As when nothing can be done with the file any more, not even take back what was begun."""
    cursor.connection.close()


async def test_a_writer_whose_connection_is_lost_hears_of_it_and_so_do_all_after_it() -> None:
    """Nobody waits for ever; the writer can be closed."""
    writer = GroupCommit(sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None))
    async with asyncio.timeout(30):
        together = await asyncio.gather(
            writer.run(_lose_connection), writer.run(lambda cursor: cursor.lastrowid), return_exceptions=True
        )
        assert [type(one) for one in together] == [Unavailable, Unavailable]
        with pytest.raises(Unavailable):
            await writer.run(lambda cursor: cursor.lastrowid)
        await writer.close()
