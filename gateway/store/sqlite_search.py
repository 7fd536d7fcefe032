"""Finding the households that have what a search asks for, in the index of the SQLite store.

The rarest of what is asked for leads: its households are gone through in their order, a stretch at a time, and those
that lack something else are left out before any record is read. So a page costs what the rarest has, not what the fleet
has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from gateway.fleet.search import Search
from gateway.store.times import to_integer

Read = Callable[..., list[tuple[Any, ...]]]
"""Runs a query with its parameters."""

_COUNTED = 10_000
"""What has more than that is as good as everything: a walk finds one in a hundred of a million."""
_COUNTED_SEEN = 50_000
"""The same of those seen in a time, whom each stretch puts in order anew: a thousand take some 0.15 ms."""
_MAX_LEADING_TERMS = 100
_STRETCH, _MAX_STRETCH = 128, 4096
_END = 2**62
"""Later than any time."""

_COUNT = "SELECT count(*) FROM (QUERY LIMIT ?)"
_WANTED = "SELECT value FROM json_each(?) AS wanted WHERE CONDITIONS ORDER BY key"

_HAS = "SELECT 1 FROM facet WHERE term IN (TERMS)"
_OF_TERM = """SELECT * FROM (
    SELECT DISTINCT subscriber FROM facet WHERE term = TERM AND subscriber > ?1 ORDER BY subscriber LIMIT ?2)"""
_ANY = "SELECT id FROM subscriber WHERE id > ?1 ORDER BY id LIMIT ?2"
_SEEN = "SELECT 1 FROM last_seen l WHERE l.at BETWEEN FIRST AND LAST"
_SEEN_OF_ALL = """SELECT DISTINCT subscriber FROM last_seen WHERE at BETWEEN FIRST AND LAST AND subscriber > ?1
    ORDER BY subscriber LIMIT ?2"""
_SEEN_OF_ONE = """SELECT 1 FROM subscriber s JOIN device d ON d.subscriber = s.key JOIN last_seen l ON l.device = d.key
    WHERE s.id = wanted.value AND l.at BETWEEN FIRST AND LAST"""

_INSERT_TERMS = "INSERT OR IGNORE INTO term (text) SELECT value FROM json_each(?)"
_INSERT_FACETS = """INSERT OR IGNORE INTO facet (term, subscriber, device)
    SELECT t.key, ?, ? FROM json_each(?) AS wanted JOIN term t ON t.text = wanted.value"""
_DELETE_FACETS = """DELETE FROM facet WHERE subscriber = ? AND device = ?
    AND term IN (SELECT t.key FROM json_each(?) AS old JOIN term t ON t.text = old.value)"""


def to_json(texts: Iterable[str]) -> str:
    """A list as SQLite takes it apart."""
    return msgspec.json.encode(list(texts)).decode()


def index_terms(cursor: sqlite3.Cursor, subscriber_id: str, device: int, before: str, after: str) -> None:
    """Let the index say that the device (0: the subscriber) has these terms, in place of those it had."""
    if before == after:
        return
    decode = msgspec.json.Decoder(list[str]).decode
    held, wanted = decode(before), decode(after)
    if gone := [term for term in held if term not in wanted]:
        cursor.execute(_DELETE_FACETS, (subscriber_id, device, to_json(gone)))
    if fresh := [term for term in wanted if term not in held]:
        terms = to_json(fresh)
        cursor.execute(_INSERT_TERMS, (terms,))
        cursor.execute(_INSERT_FACETS, (subscriber_id, device, terms))


class Candidates:
    """Ids of households that may have a device of the search, by ascending id."""

    def __init__(self, read: Read, search: Search) -> None:
        self._read = read
        self._facets = [self._keys(terms) for terms in search.terms()]
        self._times: tuple[int, int] | None = None
        if search.asks_when_seen:
            # What was never seen is there as seen at 0.
            first = 0 if search.seen_since is None else max(1, to_integer(search.seen_since))
            last = _END if search.unseen_since is None else to_integer(search.unseen_since) - 1
            self._times = (first, last)

    def after(self, subscriber_id: str) -> Iterator[list[str]]:
        """Stretch after stretch of them, each a step of work to be done at once; some are empty."""
        if not all(self._facets):
            return
        counts = {n: self._count(keys) for n, keys in enumerate(self._facets) if len(keys) <= _MAX_LEADING_TERMS}
        rarest = min(counts, key=counts.__getitem__, default=-1)
        fewest = counts.get(rarest, _COUNTED + 1)
        by_time = self._are_seen_at_most(fewest if fewest <= _COUNTED else _COUNTED_SEEN)
        if by_time:
            query, others = self._within(_SEEN_OF_ALL), self._facets
        else:
            leads = [_OF_TERM.replace("TERM", str(key)) for key in self._facets[rarest]] if rarest >= 0 else [_ANY]
            query = " UNION ".join(leads) + (" ORDER BY 1 LIMIT ?2" if len(leads) > 1 else "")
            others = [keys for n, keys in enumerate(self._facets) if n != rarest]
        size = _STRETCH
        while stretch := [one for (one,) in self._read(query, subscriber_id, size)]:
            yield self._having(stretch, others, seen=not by_time and self._times is not None)
            if len(stretch) < size:
                return
            subscriber_id, size = stretch[-1], min(2 * size, _MAX_STRETCH)

    def _keys(self, terms: Iterable[str]) -> list[int]:
        query = "SELECT key FROM term WHERE text IN (SELECT value FROM json_each(?))"
        return [key for (key,) in self._read(query, to_json(terms))]

    def _count(self, keys: Sequence[int]) -> int:
        return self._count_to(_COUNTED + 1, _HAS.replace("TERMS", _listed(keys)))

    def _are_seen_at_most(self, most: int) -> bool:
        return self._times is not None and self._count_to(most + 1, self._within(_SEEN)) <= most

    def _count_to(self, most: int, query: str) -> int:
        count: int = self._read(_COUNT.replace("QUERY", query), most)[0][0]
        return count

    def _within(self, query: str) -> str:
        assert self._times is not None
        first, last = self._times
        return query.replace("FIRST", str(first)).replace("LAST", str(last))

    def _having(self, ids: Sequence[str], facets: Iterable[Sequence[int]], *, seen: bool) -> list[str]:
        """Of these, those that have a term of each facet and, where asked, a device seen in time."""
        conditions = [f"EXISTS ({_HAS} AND subscriber = wanted.value)".replace("TERMS", _listed(k)) for k in facets]
        if seen:
            conditions.append(f"EXISTS ({self._within(_SEEN_OF_ONE)})")
        if not conditions:
            return list(ids)
        query = _WANTED.replace("CONDITIONS", " AND ".join(conditions))
        return [one for (one,) in self._read(query, to_json(ids))]


def _listed(keys: Iterable[int]) -> str:
    return ", ".join(map(str, keys))
