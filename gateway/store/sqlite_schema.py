"""The tables of the SQLite store, and how a file gets them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.errors import ConfigError
from gateway.fleet.device import Device
from gateway.fleet.search import terms_of_device, terms_of_subscriber
from gateway.fleet.subscriber import Subscriber
from gateway.store.sqlite_search import index_terms, to_json

_BUSY_SECONDS = 5
_CACHED_STATEMENTS = 64


def _index_all(connection: sqlite3.Connection) -> None:
    """Give every record that is there its terms."""
    cursor = connection.cursor()
    decode_subscriber = msgspec.msgpack.Decoder(Subscriber).decode
    for key, subscriber_id, body in connection.execute("SELECT key, id, body FROM subscriber"):
        terms = to_json(terms_of_subscriber(decode_subscriber(body)))
        cursor.execute("UPDATE subscriber SET terms = ? WHERE key = ?", (terms, key))
        index_terms(cursor, subscriber_id, 0, "[]", terms)
    decode_device = msgspec.msgpack.Decoder(Device).decode
    for key, body in connection.execute("SELECT key, body FROM device"):
        device = decode_device(body)
        terms = to_json(terms_of_device(device))
        cursor.execute("UPDATE device SET terms = ? WHERE key = ?", (terms, key))
        index_terms(cursor, device.subscriber_id, key, "[]", terms)


def _index_networks(connection: sqlite3.Connection) -> None:
    """Let subscribers be found by the networks of their SIMs."""
    cursor, decode = connection.cursor(), msgspec.msgpack.Decoder(Subscriber).decode
    for key, subscriber_id, body, before in connection.execute("SELECT key, id, body, terms FROM subscriber"):
        terms = to_json(terms_of_subscriber(decode(body)))
        if terms != before:
            cursor.execute("UPDATE subscriber SET terms = ? WHERE key = ?", (terms, key))
            index_terms(cursor, subscriber_id, 0, before, terms)


# Integer keys stand in for ids in every row below a subscriber or device; they grow, so they also keep the order of
# creation. NULL means "not findable" in the columns of identities, because NULLs do not clash in a UNIQUE index.
_MIGRATIONS: tuple[tuple[str | Callable[[sqlite3.Connection], None], ...], ...] = (
    (
        """CREATE TABLE subscriber (
            key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL, body BLOB NOT NULL)""",
        """CREATE TABLE identity (
            kind TEXT NOT NULL, value TEXT NOT NULL,
            subscriber INTEGER NOT NULL REFERENCES subscriber ON DELETE CASCADE,
            PRIMARY KEY (kind, value)) WITHOUT ROWID""",
        "CREATE INDEX identity_subscriber ON identity (subscriber)",
        # Several devices may claim one IMEI, as a phone moves between subscribers; the highest claim is the newest.
        """CREATE TABLE device (
            key INTEGER PRIMARY KEY, subscriber INTEGER NOT NULL REFERENCES subscriber ON DELETE CASCADE,
            id TEXT NOT NULL UNIQUE, loc_uri TEXT UNIQUE, imei TEXT, imei_claim INTEGER,
            revision INTEGER NOT NULL, body BLOB NOT NULL)""",
        "CREATE INDEX device_subscriber ON device (subscriber)",
        "CREATE INDEX device_imei ON device (imei, imei_claim) WHERE imei IS NOT NULL",
        """CREATE TABLE mirror (
            device INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE,
            revision INTEGER NOT NULL, body BLOB NOT NULL)""",
        """CREATE TABLE session (
            device INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE,
            revision INTEGER NOT NULL, expires_at INTEGER NOT NULL, payload BLOB NOT NULL)""",
        "CREATE INDEX session_end ON session (expires_at)",
        """CREATE TABLE operation (
            seq INTEGER PRIMARY KEY, device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
            id TEXT NOT NULL, final INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (device, id))""",
        "CREATE INDEX operation_pending ON operation (device) WHERE final = 0",
        """CREATE TABLE last_seen (
            device INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE, at INTEGER NOT NULL)""",
        """CREATE TABLE ephemeral (
            key TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX ephemeral_end ON ephemeral (expires_at)",
        """CREATE TABLE event (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,
            subscriber_id TEXT NOT NULL, device_id TEXT NOT NULL, detail BLOB NOT NULL)""",
        "CREATE INDEX event_subscriber ON event (subscriber_id)",
        "CREATE INDEX event_device ON event (device_id)",
    ),
    (
        """CREATE TABLE trace (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, proven INTEGER NOT NULL,
            expires_at INTEGER NOT NULL, body BLOB NOT NULL)""",
        "CREATE INDEX trace_owner ON trace (owner, proven, seq)",
        "CREATE INDEX trace_end ON trace (expires_at)",
    ),
    (
        """CREATE TABLE record (
            kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, due_at INTEGER, payload BLOB NOT NULL,
            PRIMARY KEY (kind, id)) WITHOUT ROWID""",
        "CREATE INDEX record_due ON record (kind, due_at) WHERE due_at IS NOT NULL",
    ),
    (
        # What devices are searched by. A row of ``facet`` says that a household has the term: from its subscriber
        # (device 0) or from that device. ``terms`` are those rows as they stand, so most updates touch none of them.
        "CREATE TABLE term (key INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
        """CREATE TABLE facet (
            term INTEGER NOT NULL, subscriber TEXT NOT NULL, device INTEGER NOT NULL,
            PRIMARY KEY (term, subscriber, device)) WITHOUT ROWID""",
        "ALTER TABLE subscriber ADD COLUMN terms TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE device ADD COLUMN terms TEXT NOT NULL DEFAULT '[]'",
        "CREATE INDEX last_seen_at ON last_seen (at)",
        # A device that was never seen is found as one that was not seen for long.
        "INSERT OR IGNORE INTO last_seen (device, at) SELECT key, 0 FROM device",
        _index_all,
    ),
    (
        # Whom a search by last contact finds, in what order, is told by the index alone.
        "ALTER TABLE last_seen ADD COLUMN subscriber TEXT NOT NULL DEFAULT ''",
        """UPDATE last_seen SET subscriber = (
            SELECT s.id FROM device d JOIN subscriber s ON s.key = d.subscriber WHERE d.key = last_seen.device)""",
        "DROP INDEX last_seen_at",
        "CREATE INDEX last_seen_at ON last_seen (at, subscriber)",
    ),
    (_index_networks,),
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the file, whose statements are transactions of their own unless one was begun."""
    return sqlite3.connect(
        path,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_CACHED_STATEMENTS,
    )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file up to the current schema, wholly or not at all. Raises: ConfigError when it is a newer one."""
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        raise ConfigError(
            f"this store has schema {version}, of a newer gateway; this one knows up to {len(_MIGRATIONS)}: "
            "start the newer gateway, or restore a backup from before the upgrade",
            file=path,
        )
    for migration in _MIGRATIONS[version:]:
        for step in migration:
            if callable(step):
                step(connection)
            else:
                connection.execute(step)
    connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    connection.execute("COMMIT")
