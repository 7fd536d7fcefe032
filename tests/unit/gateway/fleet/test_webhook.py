"""What is sent to webhooks: the signature that receivers check, and the times at which it is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.fleet.webhook import RETRY_SECONDS, Message, Webhook, again, body_of, check_patterns, signed, tried

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MESSAGE = Message(kind="e", body=b"{}", created_at=NOW)


def test_the_signature_is_that_of_the_standard() -> None:
    """The example that the libraries of the standard are tested with. Spec: Standard Webhooks, "Signature scheme"."""
    headers = signed(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


def test_the_body_says_type_time_and_data() -> None:
    """Spec: Standard Webhooks, "Payload structure"."""
    assert body_of("a.b", NOW, {"x": 1}) == b'{"type":"a.b","timestamp":"2026-03-01T00:00:00Z","data":{"x":1}}'


def test_a_message_is_tried_ever_more_rarely_and_given_up() -> None:
    """Until it is delivered; one that failed can be sent as if it were new."""
    message, waits = MESSAGE, []
    while True:
        message, due_at = tried(message, 500, "HTTP 500", NOW, 1.0)
        if due_at is None:
            break
        assert message.state == "waiting"
        waits.append(due_at - NOW)
    assert waits == [timedelta(seconds=seconds) for seconds in RETRY_SECONDS]
    assert (message.state, message.attempts, message.why) == ("failed", len(RETRY_SECONDS) + 1, "HTTP 500")
    assert again(message) == MESSAGE
    delivered, due_at = tried(MESSAGE, 204, "", NOW, 1.0)
    assert (delivered.state, delivered.attempts, due_at) == ("delivered", 1, None)
    assert tried(MESSAGE, 302, "moved", NOW, 1.0)[0].state == "waiting"


def test_a_webhook_wants_kinds_by_name_or_pattern() -> None:
    """A pattern with a star is for what begins so."""
    webhook = Webhook(id="w", url="http://r", events=("campaign.*", "push.failed"), secret=b"", created_at=NOW)
    told = ("campaign.paused", "push.failed", "push.delivered", "campaigns")
    assert [webhook.wants(kind) for kind in told] == [True, True, False, False]
    for wrong in ("", "a" * 101, "a?", "[a]"):
        with pytest.raises(ValueError, match="kind of event"):
            check_patterns([wrong])
