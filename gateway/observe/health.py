"""Whether this process should get requests."""

from __future__ import annotations

from gateway.errors import Unavailable
from gateway.store.protocol import Store


class Health:
    """Ready as long as the store answers, until ``draining`` is set: then others should get what comes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.draining = False

    async def reasons(self) -> list[str]:
        """Why requests should go elsewhere; none when it is ready."""
        reasons = ["this process is about to end"] if self.draining else []
        try:
            await self._store.load_owned("")
        except Unavailable as error:
            reasons.append(f"store: {error}")
        return reasons
