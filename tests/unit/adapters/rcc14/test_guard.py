"""How often something may happen for one client."""

from __future__ import annotations

from adapters.rcc14.guard import MAX_REMEMBERED, Guard


def test_a_client_may_so_often_in_so_long() -> None:
    """Within the limit there is no wait, past it the rest of the time, then it begins anew; each client for itself."""
    guard = Guard(2, 60)
    assert [guard.wait("a", at) for at in (0, 10, 20, 59)] == [0, 0, 40, 1]
    assert guard.wait("b", 20) == 0
    assert guard.wait("a", 60) == 0


def test_the_memory_is_bounded() -> None:
    """Of too many clients the longest silent is forgotten."""
    guard = Guard(1, 60)
    guard.wait("first", 0)
    for number in range(MAX_REMEMBERED - 1):
        guard.wait(str(number), 0)
    assert guard.wait("first", 1) > 0
    guard.wait("one more", 1)
    assert guard.wait("0", 1) == 0
    assert guard.wait("first", 1) > 0
