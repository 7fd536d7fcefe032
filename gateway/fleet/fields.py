"""What is wrong with a record that somebody sent, in words that name the field.

Pure.
"""

from __future__ import annotations

from gateway.errors import DecodeError


def fault_of(error: Exception) -> DecodeError:
    """The error of a reader of JSON or of values as one for whoever sent them, with the field first."""
    what, _, where = str(error).partition(" - at `$.")
    return DecodeError(f"{where.rstrip('`')}: {what}" if where else what)
