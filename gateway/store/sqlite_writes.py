"""What a write of the store does to its tables: steps for ``GroupCommit``."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from gateway.errors import Conflict
from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.search import terms_of_device, terms_of_subscriber
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import (
    AHEAD,
    Append,
    ClaimEphemeral,
    DeleteDevice,
    DeleteRecord,
    DeleteSubscriber,
    Event,
    PutDevice,
    PutEphemeral,
    PutMirror,
    PutOperation,
    PutRecord,
    PutSession,
    PutSubscriber,
    Record,
    SessionRecord,
    TakeEphemeral,
    Write,
    refuse_to_alter_audit,
)
from gateway.store.sqlite_search import index_terms, to_json
from gateway.store.times import span_to_integer, to_integer
from gateway.store.write_behind import Traced

_UPDATE_SUBSCRIBER = """UPDATE subscriber SET revision = revision + 1, body = :body, terms = :terms
    WHERE id = :id AND revision = :revision"""
_INSERT_DEVICE = """INSERT INTO device (subscriber, id, loc_uri, imei, imei_claim, revision, body, terms)
    SELECT key, :id, :loc_uri, :imei, (SELECT ifnull(max(imei_claim), 0) + 1 FROM device WHERE imei = :imei), 1, :body,
    :terms FROM subscriber WHERE id = :subscriber"""
_UPDATE_DEVICE = """UPDATE device SET revision = revision + 1, body = :body
    WHERE id = :id AND revision = :revision AND loc_uri IS :loc_uri AND imei IS :imei AND terms = :terms"""
_UPDATE_DEVICE_IDENTITIES = """UPDATE device SET revision = revision + 1, body = :body, loc_uri = :loc_uri,
    terms = :terms, imei = :imei, imei_claim = CASE WHEN imei IS :imei THEN imei_claim
        ELSE (SELECT ifnull(max(imei_claim), 0) + 1 FROM device WHERE imei = :imei) END
    WHERE id = :id AND revision = :revision"""
_TERMS_OF_DEVICE = """SELECT s.id, d.key, d.terms FROM device d JOIN subscriber s ON s.key = d.subscriber
    WHERE d.id = ?1"""
_TERMS_OF_SUBSCRIBER = """SELECT id, 0, terms FROM subscriber WHERE id = ?1 UNION ALL
    SELECT s.id, d.key, d.terms FROM subscriber s JOIN device d ON d.subscriber = s.key WHERE s.id = ?1"""
_INSERT_MIRROR = "INSERT INTO mirror (device, revision, body) SELECT key, 1, :body FROM device WHERE id = :device"
_UPDATE_MIRROR = """UPDATE mirror SET revision = revision + 1, body = :body
    WHERE device = (SELECT key FROM device WHERE id = :device) AND revision = :revision"""
_INSERT_SESSION = """INSERT INTO session (device, revision, expires_at, payload)
    SELECT key, 1, :expires_at, :payload FROM device WHERE id = :device
    ON CONFLICT (device) DO UPDATE SET revision = 1, expires_at = excluded.expires_at, payload = excluded.payload
    WHERE session.expires_at <= :now"""
_UPDATE_SESSION = """UPDATE session SET revision = revision + 1, expires_at = :expires_at, payload = :payload
    WHERE device = (SELECT key FROM device WHERE id = :device) AND revision = :revision AND expires_at > :now"""
_UPDATE_RECORD = """UPDATE record SET revision = revision + 1, due_at = :due_at, payload = :payload
    WHERE kind = :kind AND id = :id AND revision = :revision"""
_INSERT_TRACE = "INSERT INTO trace (owner, proven, expires_at, body) VALUES (?, ?, ?, ?)"
_TRIM_TRACE = """DELETE FROM trace WHERE owner = :owner AND proven = :proven AND seq <= (
    SELECT seq FROM trace WHERE owner = :owner AND proven = :proven ORDER BY seq DESC LIMIT 1 OFFSET :keep)"""

_encode = msgspec.msgpack.Encoder().encode


def carry_out(writes: Sequence[Write], cursor: sqlite3.Cursor) -> None:
    """Let the tables have what the writes say, in their order.

    Raises: Conflict; sqlite3.IntegrityError for a constraint that is violated, which ``GroupCommit`` makes a Conflict.
    """
    for write in writes:
        match write:
            case PutSession(session, now):
                _put_session(cursor, session, now)
            case PutDevice(device):
                _put_device(cursor, device)
            case PutMirror(mirror):
                _put_mirror(cursor, mirror)
            case PutOperation(device_id, operation):
                _put_operation(cursor, device_id, operation)
            case Append(event):
                _append(cursor, event)
            case PutEphemeral(key, value, expires_at):
                cursor.execute(
                    "INSERT OR REPLACE INTO ephemeral (key, expires_at, value) VALUES (?, ?, ?)",
                    (key, to_integer(expires_at), value),
                )
            case ClaimEphemeral(key, value, expires_at, now):
                cursor.execute(
                    """INSERT INTO ephemeral (key, expires_at, value) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE
                    SET expires_at = excluded.expires_at, value = excluded.value WHERE ephemeral.expires_at <= ?""",
                    (key, to_integer(expires_at), value, to_integer(now)),
                )
                _expect_one(cursor, "the place is taken")
            case TakeEphemeral(key, now):
                cursor.execute("DELETE FROM ephemeral WHERE key = ? AND expires_at > ?", (key, to_integer(now)))
                _expect_one(cursor, "the value was taken before, or its time is over")
            case PutRecord(record) | DeleteRecord(record, _):
                refuse_to_alter_audit(write)
                (_put_record if isinstance(write, PutRecord) else _delete_record)(cursor, record)
            case PutSubscriber(subscriber):
                _put_subscriber(cursor, subscriber)
            case DeleteSubscriber(subscriber_id):
                _forget_terms(cursor, _TERMS_OF_SUBSCRIBER, subscriber_id)
                cursor.execute("DELETE FROM subscriber WHERE id = ?", (subscriber_id,))
                # The ids of the subscriber's devices, as plain text: "." is followed by "/".
                cursor.execute(
                    "DELETE FROM trace WHERE owner = ?1 OR (owner > ?1 || '.' AND owner < ?1 || '/')", (subscriber_id,)
                )
            case DeleteDevice(device_id):
                _forget_terms(cursor, _TERMS_OF_DEVICE, device_id)
                cursor.execute("DELETE FROM device WHERE id = ?", (device_id,))
                cursor.execute("DELETE FROM trace WHERE owner = ?", (device_id,))
            case _:
                assert_never(write)


def save_noted(
    touched: Mapping[str, datetime], traced: Sequence[Traced], writes: Sequence[Write], cursor: sqlite3.Cursor
) -> None:
    """Let the tables have when devices were seen and the exchanges with them, then the writes as ``carry_out`` does."""
    _save_last_seen(cursor, touched)
    if traced:
        _save_traces(cursor, traced)
    carry_out(writes, cursor)


def _put_subscriber(cursor: sqlite3.Cursor, subscriber: Subscriber) -> None:
    terms = to_json(terms_of_subscriber(subscriber))
    row = {"id": subscriber.id, "revision": subscriber.revision, "body": _next_body(subscriber), "terms": terms}
    before = "[]"
    if subscriber.revision == 0:
        cursor.execute("INSERT INTO subscriber (id, revision, body, terms) VALUES (:id, 1, :body, :terms)", row)
    else:
        before = _terms(cursor, "SELECT terms FROM subscriber WHERE id = ?", subscriber.id)
        cursor.execute(_UPDATE_SUBSCRIBER, row)
        _expect_one(cursor, f"subscriber {subscriber.id} was changed or removed since it was loaded")
        cursor.execute(
            "DELETE FROM identity WHERE subscriber = (SELECT key FROM subscriber WHERE id = ?)", (subscriber.id,)
        )
    index_terms(cursor, subscriber.id, 0, before, terms)
    identities = {("imsi", imsi) for imsi in subscriber.imsis} | {("msisdn", subscriber.msisdn)}
    cursor.executemany(
        "INSERT INTO identity (kind, value, subscriber) SELECT ?, ?, key FROM subscriber WHERE id = ?",
        [(kind, value, subscriber.id) for kind, value in identities if value],
    )


def _put_device(cursor: sqlite3.Cursor, device: Device) -> None:
    terms = to_json(terms_of_device(device))
    row = {
        "id": device.id,
        "subscriber": device.subscriber_id,
        "loc_uri": (device.omadm.loc_uri or None) if device.omadm else None,
        "imei": device.imei or None,
        "revision": device.revision,
        "body": _next_body(device),
        "terms": terms,
    }
    if device.revision == 0:
        cursor.execute(_INSERT_DEVICE, row)
        _expect_one(cursor, f"device {device.id} has no subscriber")
        key = cursor.lastrowid
        assert key is not None
        cursor.execute("INSERT INTO last_seen (device, at, subscriber) VALUES (?, 0, ?)", (key, device.subscriber_id))
        index_terms(cursor, device.subscriber_id, key, "[]", terms)
        return
    # Most updates leave identities and terms alone, and then no index needs to be touched.
    cursor.execute(_UPDATE_DEVICE, row)
    if cursor.rowcount != 1:
        before = _terms(cursor, "SELECT terms FROM device WHERE id = ?", device.id)
        cursor.execute(_UPDATE_DEVICE_IDENTITIES, row)
        _expect_one(cursor, f"device {device.id} was changed or removed since it was loaded")
        (key,) = cursor.execute("SELECT key FROM device WHERE id = ?", (device.id,)).fetchone()
        index_terms(cursor, device.subscriber_id, key, before, terms)


def _terms(cursor: sqlite3.Cursor, query: str, record_id: str) -> str:
    """The terms of a record as they are kept; none for one that is not there."""
    row: tuple[str] | None = cursor.execute(query, (record_id,)).fetchone()
    return row[0] if row else "[]"


def _forget_terms(cursor: sqlite3.Cursor, query: str, record_id: str) -> None:
    """Take the rows that the query gives (subscriber id, device, terms) out of the index."""
    for subscriber_id, device, terms in cursor.execute(query, (record_id,)).fetchall():
        index_terms(cursor, subscriber_id, device, terms, "[]")


def _put_mirror(cursor: sqlite3.Cursor, mirror: Mirror) -> None:
    row = {"device": mirror.device_id, "revision": mirror.revision, "body": _next_body(mirror)}
    cursor.execute(_INSERT_MIRROR if mirror.revision == 0 else _UPDATE_MIRROR, row)
    _expect_one(cursor, f"the mirror of device {mirror.device_id} was changed or removed since it was loaded")


def _put_session(cursor: sqlite3.Cursor, session: SessionRecord, now: datetime) -> None:
    row = {
        "device": session.device_id,
        "revision": session.revision,
        "expires_at": to_integer(session.expires_at),
        "payload": session.payload,
        "now": to_integer(now),
    }
    cursor.execute(_INSERT_SESSION if session.revision == 0 else _UPDATE_SESSION, row)
    _expect_one(cursor, f"the session of device {session.device_id} was changed or removed since it was loaded")


def _put_operation(cursor: sqlite3.Cursor, device_id: str, operation: Operation) -> None:
    cursor.execute(
        """INSERT INTO operation (device, id, final, body) SELECT key, ?, ?, ? FROM device WHERE id = ?
        ON CONFLICT (device, id) DO UPDATE SET final = excluded.final, body = excluded.body""",
        (operation.id, operation.status is not None, _encode(operation), device_id),
    )
    _expect_one(cursor, f"there is no device {device_id}")


def _put_record(cursor: sqlite3.Cursor, record: Record) -> None:
    row = {
        "kind": record.kind,
        "id": record.id,
        "revision": record.revision,
        "due_at": None if record.due_at is None else to_integer(record.due_at),
        "payload": record.payload,
    }
    if record.revision == 0:
        cursor.execute(
            "INSERT INTO record (kind, id, revision, due_at, payload) VALUES (:kind, :id, 1, :due_at, :payload)", row
        )
    else:
        cursor.execute(_UPDATE_RECORD, row)
        _expect_one(cursor, f"{record.kind} {record.id} was changed or removed since it was loaded")


def _delete_record(cursor: sqlite3.Cursor, record: Record) -> None:
    cursor.execute(
        "DELETE FROM record WHERE kind = ? AND id = ? AND revision = ?", (record.kind, record.id, record.revision)
    )
    _expect_one(cursor, f"{record.kind} {record.id} was changed or removed since it was loaded")


def _append(cursor: sqlite3.Cursor, event: Event) -> None:
    seq = event.seq or None
    if seq is not None:
        newest = cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
        if newest is not None and seq <= newest[0]:
            seq = None
    cursor.execute(
        "INSERT INTO event (seq, at, kind, subscriber_id, device_id, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (seq, to_integer(event.at), event.kind, event.subscriber_id, event.device_id, _encode(event.detail)),
    )


def _save_last_seen(cursor: sqlite3.Cursor, touched: Mapping[str, datetime]) -> None:
    ahead = span_to_integer(AHEAD)
    cursor.executemany(
        """UPDATE last_seen SET at = iif(at > ?1 + ?3, ?1, max(at, ?1))
        WHERE device = (SELECT key FROM device WHERE id = ?2)""",
        [(to_integer(at), device_id, ahead) for device_id, at in touched.items()],
    )


def _save_traces(cursor: sqlite3.Cursor, traced: Sequence[Traced]) -> None:
    cursor.executemany(
        _INSERT_TRACE,
        [(entry.owner, entry.proven, to_integer(expires_at), _encode(entry)) for entry, expires_at, _ in traced],
    )
    bounds = {(entry.owner, entry.proven): keep for entry, _, keep in traced}
    cursor.executemany(
        _TRIM_TRACE, [{"owner": owner, "proven": proven, "keep": keep} for (owner, proven), keep in bounds.items()]
    )


def _expect_one(cursor: sqlite3.Cursor, otherwise: str) -> None:
    if cursor.rowcount != 1:
        raise Conflict(otherwise)


def _next_body(record: Subscriber | Device | Mirror) -> bytes:
    """The record as it is stored: with the revision that this write gives it."""
    return _encode(replace(record, revision=record.revision + 1))
