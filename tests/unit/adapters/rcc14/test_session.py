"""What a proven client is answered: every case of version, validity and token, and what is saved of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from adapters.rcc14.identity.token import token_of
from adapters.rcc14.messages import MAX_VERS, Request
from adapters.rcc14.session import MAX_WISHES, TERMS_OF_USE, Delivery, Kind, Terms, deliver, user_asks, validity_for
from gateway.fleet.device import Content, Rcc14State
from gateway.fleet.subscriber import ServiceState

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TERMS = Terms(validity_seconds=86400, jitter_percent=0, token_seconds=1000)
OLD, NEW = b"old content", b"new content"
ABOUT = {"rcs_profile": "UP_2.4", "rcs_state": "5"}
HELD = Rcc14State(
    version=5,
    contents={"w": Content(5, OLD, "k")},
    sent_version=5,
    sent_at=NOW - timedelta(days=3),
    reported_version=5,
    reported_at=NOW - timedelta(days=2),
    token_serial=3,
    token_issued_at=NOW - timedelta(seconds=100),
    parameters=ABOUT,
)


def ask(
    state: Rcc14State,
    vers: int,
    service: ServiceState = ServiceState.ACTIVE,
    *,
    content: bytes = OLD,
    token: str = token_of("alice.1", 3, b"key"),
    now: datetime = NOW,
    wish: str = "w",
) -> Delivery:
    """The answer to a client that holds this version, is due this content and shows the newest token."""
    request = Request(vers=vers, token=token, about=ABOUT)
    key = "k" if content == OLD else "other"
    return deliver("alice.1", state, request, service, wish=wish, key=key, digest=lambda: content, terms=TERMS, now=now)


@pytest.mark.parametrize(
    ("vers", "content", "kind", "version"),
    [
        (5, OLD, Kind.UNCHANGED, 5),
        (0, OLD, Kind.FULL, 5),
        (4, OLD, Kind.FULL, 5),
        (6, OLD, Kind.FULL, 7),
        (90, OLD, Kind.FULL, 91),
        (-1, OLD, Kind.FULL, 5),
        (-2, OLD, Kind.FULL, 5),
        (-3, OLD, Kind.FULL, 5),
        (-4, OLD, Kind.UNCHANGED, 5),
        (5, NEW, Kind.FULL, 6),
        (0, NEW, Kind.FULL, 6),
        (4, NEW, Kind.FULL, 6),
        (6, NEW, Kind.FULL, 7),
        (7, NEW, Kind.FULL, 8),
        (90, NEW, Kind.FULL, 91),
        (-1, NEW, Kind.FULL, 6),
        (-4, NEW, Kind.UNCHANGED, 5),
    ],
)
def test_the_version_a_client_is_due(vers: int, content: bytes, kind: Kind, version: int) -> None:
    """New content is one version more than either side knows of; who holds it gets VERS alone (RCC.14 VERS)."""
    delivery = ask(HELD, vers, content=content)
    assert (delivery.kind, delivery.version, delivery.validity_seconds) == (kind, version, 86400)
    assert (delivery.state.version, delivery.state.sent_version) == (version, version)
    assert delivery.state.reported_version == vers


@pytest.mark.parametrize(
    ("vers", "kind", "version", "follows"),
    [(0, Kind.FULL, 1, 1), (1, Kind.FULL, 2, 2), (9, Kind.FULL, 10, 10), (-4, Kind.UNCHANGED, 1, 0)],
)
def test_a_device_that_is_new(vers: int, kind: Kind, version: int, follows: int) -> None:
    """The first version is 1, or one more than the client brings along; VERS is positive, content or not."""
    delivery = ask(Rcc14State(), vers, content=NEW)
    assert (delivery.kind, delivery.version, delivery.state.version) == (kind, version, follows)
    assert delivery.token_seconds == TERMS.token_seconds
    assert delivery.state.token_serial == 1


def test_a_user_who_comes_back_gets_the_content() -> None:
    """The version named to a client that was switched off (-4) is none that it could later be thought to hold."""
    switched_off = ask(Rcc14State(), -4, content=NEW)
    back = ask(switched_off.state, switched_off.version, content=NEW)
    assert (back.kind, back.version) == (Kind.FULL, 2)


def test_each_client_of_a_device_has_a_version_of_its_own() -> None:
    """Two clients that ask for different applications do not take turns in having everything sent anew; what changes
    for one of them changes nothing for the other, and no version is given out twice (RCC.14 VERS, app).
    """
    other = ask(HELD, 0, wish="other")
    assert (other.kind, other.version) == (Kind.FULL, 6)
    for wish, held in (("w", 5), ("other", 6)):
        same = ask(other.state, held, wish=wish)
        assert (same.kind, same.version, same.state.contents) == (Kind.UNCHANGED, held, other.state.contents)
    changed = ask(other.state, 6, wish="other", content=NEW)
    assert (changed.kind, changed.version) == (Kind.FULL, 7)
    assert ask(changed.state, 5).kind is Kind.UNCHANGED
    assert ask(changed.state, 5, content=NEW).version == 8


def test_a_client_that_changes_its_wish_starts_afresh() -> None:
    """Other applications or another release under the version of before are more than nothing new (RCC.14 VERS)."""
    moved = ask(HELD, 5, wish="other")
    assert (moved.kind, moved.version) == (Kind.FULL, 6)
    back = ask(moved.state, 6)
    assert (back.kind, back.version) == (Kind.FULL, 7)


def test_of_many_clients_the_oldest_is_forgotten() -> None:
    """The record of a device stays small, whatever its clients say; who was forgotten starts afresh."""
    state = HELD
    for number in range(MAX_WISHES):
        state = ask(state, 0, wish=str(number)).state
    assert list(state.contents) == [str(number) for number in range(MAX_WISHES)]
    again = ask(state, 5)
    assert (again.kind, again.version) == (Kind.FULL, 6 + MAX_WISHES)


@pytest.mark.parametrize("content", [OLD, NEW])
def test_the_highest_version_is_the_end(content: bytes) -> None:
    """A version never grows out of 31 bits; content that is due goes out under the highest one, and only once."""
    delivery = ask(HELD, MAX_VERS, content=content)
    assert (delivery.kind, delivery.version) == (Kind.FULL, MAX_VERS)
    assert ask(delivery.state, MAX_VERS, content=content).kind is Kind.UNCHANGED
    another = replace(delivery.state, contents={"w": Content(MAX_VERS, b"another", "another")})
    changed = ask(another, MAX_VERS, content=content)
    assert (changed.kind, changed.version) == (Kind.FULL, MAX_VERS)


@pytest.mark.parametrize(
    ("service", "kind", "version", "validity"),
    [
        (ServiceState.DISABLED, Kind.RESET, 0, 0),
        (ServiceState.DISABLED_PERMANENTLY, Kind.DISABLED, -1, -1),
        (ServiceState.DISABLED_UNTIL_USER, Kind.DISABLED, -2, -2),
        (ServiceState.DORMANT, Kind.DORMANT, -3, 86400),
    ],
)
@pytest.mark.parametrize("vers", [5, 0, 90, -1, -4])
@pytest.mark.parametrize("content", [OLD, NEW])
def test_a_service_that_is_off(
    service: ServiceState, kind: Kind, version: int, validity: int, vers: int, content: bytes
) -> None:
    """0, -1 and -2 take the configuration away, -3 puts it to sleep; the version waits for the service to return."""
    delivery = ask(HELD, vers, service, content=content)
    assert (delivery.kind, delivery.version, delivery.validity_seconds) == (kind, version, validity)
    assert delivery.token_seconds == 0
    assert (delivery.state.version, delivery.state.contents, delivery.state.token_serial) == (5, HELD.contents, 3)
    assert delivery.state.reported_version == vers
    assert delivery.message == ("" if service is ServiceState.DORMANT else service.name.lower())


def test_a_user_may_wake_a_service_that_waits_for_it() -> None:
    """A client that was told -2 says -2 when its user has acted: it gets the content, and that is remembered."""
    woken = ask(HELD, -2, ServiceState.DISABLED_UNTIL_USER)
    assert (woken.kind, woken.version, woken.state.woken) == (Kind.FULL, 5, True)
    assert not ask(HELD, 0, ServiceState.DISABLED_UNTIL_USER).state.woken
    assert ask(HELD, -2, ServiceState.DISABLED_PERMANENTLY).version == -1


@pytest.mark.parametrize(
    ("vers", "said", "asks"),
    [
        (0, "0", True),
        (0, None, True),
        (0, "5", True),
        (5, "0", True),
        (5, "-5", True),
        (-2, "-2", True),
        (0, "-2", False),
        (0, "-4", False),
        (5, "5", False),
        (5, None, False),
        (-1, None, False),
    ],
)
def test_a_client_that_was_told_to_wait_comes_back_for_its_user(vers: int, said: str | None, asks: bool) -> None:
    """It asks by itself no more: when it does, for all anew or by a version that it kept, its user has acted.

    Another client of the phone was not told, and one that says that it waits still does (RCC.14 VERS, rcs_state).
    """
    waits = ServiceState.DISABLED_UNTIL_USER
    told = ask(HELD, 5, waits).state
    assert (told.told_to_wait, told.woken) == ("w", False)
    assert ask(told, 5, waits).state is told
    about = {} if said is None else {"rcs_state": said}
    request = Request(vers=vers, about=about)
    assert user_asks(told, request, "w", NOW) is asks
    fresh = said == "-5" or vers == -2
    assert user_asks(told, request, "another", NOW) is fresh
    assert user_asks(HELD, request, "w", NOW) is fresh


@pytest.mark.parametrize(
    ("vers", "said", "asks"),
    [(5, "5", True), (5, "0", True), (5, "-5", True), (0, "0", True), (5, "-2", False), (5, None, False),
     (4, "4", False), (-2, "-2", False)],
)  # fmt: skip
def test_a_user_may_ask_for_one_application_that_waits(vers: int, said: str | None, asks: bool) -> None:
    """A client holds what told it that RCS waits and says so, until its user acts (RCC.07 rcsDisabledState)."""
    told = replace(HELD, told_to_wait="w")
    about = {} if said is None else {"rcs_state": said}
    assert user_asks(told, Request(vers=vers, about=about), "w", NOW, alone=True) is asks


def test_a_request_whose_answer_was_lost_is_not_the_users() -> None:
    """The same again within a minute says nothing new; later it is the user who asks."""
    new = Rcc14State()
    waits = ServiceState.DISABLED_UNTIL_USER
    told = ask(new, 0, waits).state
    assert ask(told, 0, waits, now=NOW + timedelta(seconds=59)).state is told
    assert ask(told, 0, waits, now=NOW + timedelta(seconds=60)).kind is Kind.FULL


def with_terms(state: Rcc14State, vers: int, edition: str = "2026", **about: str) -> Delivery:
    """The answer to a client where users are asked to accept that edition of the terms."""
    request = Request(vers=vers, about=about)
    terms = TERMS._replace(terms_of_use=edition)
    service = ServiceState.ACTIVE
    return deliver("a.1", state, request, service, wish="w", key="k", digest=lambda: OLD, terms=terms, now=NOW)


def test_terms_go_with_a_first_configuration_until_they_are_accepted() -> None:
    """They are asked while the client holds nothing; going on with what came is acceptance (RCC.14 MSG)."""
    first = with_terms(Rcc14State(), 0)
    assert (first.message, first.state.terms_sent, first.state.terms_accepted) == (TERMS_OF_USE, "2026", "")
    again = with_terms(first.state, 0, rcs_state="0")
    assert again.message == TERMS_OF_USE
    accepted = with_terms(again.state, 1, rcs_state="1")
    assert (accepted.message, accepted.state.terms_accepted) == ("", "2026")
    assert with_terms(accepted.state, 0).message == ""
    assert with_terms(accepted.state, 0, "2027").message == TERMS_OF_USE
    assert with_terms(HELD, 5).message == ""


@pytest.mark.parametrize(
    ("vers", "rcs_state", "accepted"),
    [
        (1, "1", True),
        (1, "", True),
        (1, "-4", False),
        (1, "-2", False),
        (1, "0", False),
        (0, "0", False),
        (9, "9", False),
    ],
)
def test_only_going_on_is_acceptance(vers: int, rcs_state: str, accepted: bool) -> None:
    """A user who rejects leaves the client switched off; a version that was never sent proves nothing."""
    offered = with_terms(Rcc14State(), 0)
    answered = with_terms(offered.state, vers, rcs_state=rcs_state)
    assert (answered.state.terms_accepted == "2026") is accepted


@pytest.mark.parametrize(
    ("service", "serial"),
    [
        (ServiceState.ACTIVE, 4),
        (ServiceState.DORMANT, 4),
        (ServiceState.DISABLED, 3),
        (ServiceState.DISABLED_PERMANENTLY, 3),
        (ServiceState.DISABLED_UNTIL_USER, 3),
    ],
)
def test_tokens_are_renewed_while_there_is_something_to_ask_for(service: ServiceState, serial: int) -> None:
    """From half a token's life on the next answer brings a new one, to the dormant too (RCC.14 TOKEN)."""
    later = NOW + timedelta(seconds=400)
    assert ask(HELD, 5, service, now=later - timedelta(seconds=1)).token_seconds == 0
    delivery = ask(HELD, 5, service, now=later)
    assert delivery.state.token_serial == serial
    assert delivery.token_seconds == (TERMS.token_seconds if serial == 4 else 0)
    assert delivery.state.token_issued_at == (later if serial == 4 else HELD.token_issued_at)


@pytest.mark.parametrize(
    ("vers", "serial", "device_id", "seconds"),
    [
        (0, None, "", 900),
        (0, 3, "alice.1", 900),
        (5, None, "", 900),
        (5, 3, "alice.1", 0),
        (5, 2, "alice.1", 900),
        (5, 3, "alice.2", 900),
        (-4, 2, "alice.1", 900),
    ],
)
def test_the_newest_token_goes_with_content_and_to_who_does_not_show_it(
    vers: int, serial: int | None, device_id: str, seconds: int
) -> None:
    """It is the one on record, for what is left of its life: an answer that was lost must not lock the client out, nor
    a token that the client dropped."""
    token = "" if serial is None else token_of(device_id, serial, b"key")
    delivery = ask(HELD, vers, token=token)
    assert delivery.token_seconds == seconds
    assert delivery.state.token_serial == 3


@pytest.mark.parametrize("service", ServiceState)
@pytest.mark.parametrize("vers", [5, 4, 0, -4])
def test_nothing_new_is_nothing_to_save(service: ServiceState, vers: int) -> None:
    """A client that asks once more as before leaves the very state that was there, and no content is looked at."""

    def unread() -> bytes:
        raise AssertionError("the content was rendered")

    about = ABOUT | {"rcs_state": "-2"}
    state = replace(HELD, reported_version=vers, parameters=about, told_to_wait="w")
    request = Request(vers=vers, token=token_of("alice.1", 3, b"key"), about=about)
    delivery = deliver("alice.1", state, request, service, wish="w", key="k", digest=unread, terms=TERMS, now=NOW)
    assert delivery.state is state


def test_what_is_noted_and_when() -> None:
    """What went out in full, and what the client said of itself, are kept with their times."""
    delivery = ask(HELD, 4, content=NEW)
    assert (delivery.state.sent_version, delivery.state.sent_at) == (6, NOW)
    assert (delivery.state.reported_version, delivery.state.reported_at) == (4, NOW)
    changed = deliver(
        "alice.1",
        HELD,
        Request(vers=5, about=ABOUT | {"rcs_state": "-3"}),
        ServiceState.ACTIVE,
        wish="w",
        key="k",
        digest=lambda: OLD,
        terms=TERMS,
        now=NOW,
    )
    assert changed.kind is Kind.UNCHANGED
    assert (changed.state.parameters["rcs_state"], changed.state.reported_at) == ("-3", NOW)


def test_parameters_that_nobody_knows_are_kept_when_a_new_one_comes() -> None:
    """Their values may differ in every request: a new name is worth a write, a new value alone is not."""

    def deliver_to(state: Rcc14State, **unknown: str) -> Delivery:
        request = Request(vers=5, about=ABOUT, unknown=unknown)
        return deliver(
            "a.1", state, request, ServiceState.ACTIVE, wish="w", key="k", digest=lambda: OLD, terms=TERMS, now=NOW
        )

    first = deliver_to(HELD, nonce="1")
    assert first.state.unknown == {"nonce": "1"}
    assert deliver_to(first.state, nonce="2").state is first.state
    assert deliver_to(first.state, nonce="2", slot="1").state.unknown == {"nonce": "2", "slot": "1"}


def test_other_inputs_of_the_same_content_are_no_new_version() -> None:
    """The content decides, not what it was made from; the inputs are remembered so that it is not made again."""
    delivery = deliver(
        "alice.1",
        HELD,
        Request(vers=5, token=token_of("alice.1", 3, b"key"), about=ABOUT),
        ServiceState.ACTIVE,
        wish="w",
        key="other",
        digest=lambda: OLD,
        terms=TERMS,
        now=NOW,
    )
    state = replace(HELD, contents={"w": Content(5, OLD, "other")})
    assert delivery == Delivery(Kind.UNCHANGED, 5, 86400, 0, state)


@pytest.mark.parametrize(
    ("validity", "jitter", "low", "high"), [(86400, 10, 77760, 95040), (86400, 0, 86400, 86400), (1, 50, 1, 1)]
)
def test_validities_are_spread_and_stay(validity: int, jitter: int, low: int, high: int) -> None:
    """Clients come back within the jitter, spread over all of it, and each always after the same time."""
    terms = Terms(validity, jitter, 1000)
    given = [validity_for(f"subscriber-{number}.1", terms) for number in range(1000)]
    assert low <= min(given) <= max(given) <= high
    assert max(given) - min(given) >= 0.9 * (high - low)
    assert given == [validity_for(f"subscriber-{number}.1", terms) for number in range(1000)]
