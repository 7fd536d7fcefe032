"""Passwords of people: hashed with Argon2id, away from the event loop, for it takes a while on purpose."""

from __future__ import annotations

import asyncio
import functools

import argon2


@functools.cache
def _hasher() -> argon2.PasswordHasher:
    """With the parameters of the second recommended option of RFC 9106 4."""
    return argon2.PasswordHasher.from_parameters(argon2.profiles.RFC_9106_LOW_MEMORY)


@functools.cache
def _nobodys() -> str:
    return _hasher().hash("nobody has this password")


async def hash_password(password: str) -> str:
    """What to keep in place of the password."""
    return await asyncio.to_thread(_hasher().hash, password)


async def is_password(password: str, password_hash: str) -> bool:
    """Whether the hash was made of this password. An empty one was made of none, and that takes as long to find."""
    return await asyncio.to_thread(_verify, password, password_hash)


def _verify(password: str, password_hash: str) -> bool:
    try:
        return _hasher().verify(password_hash or _nobodys(), password) and bool(password_hash)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
