"""What is new in a sighting: five causes, each told once, in the order in which things happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.errors import DecodeError
from gateway.fleet.detection import Cause, Sighting, detect, is_known, parse_fields, parse_line
from gateway.fleet.device import format_imei
from gateway.fleet.subscriber import Seen, Sim, Subscriber

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
IMSI, OTHER = "001010000000001", "001010000000009"
PHONE, PHONE_V2, SECOND = "3512345600000101", "3512345600000102", "358888880000011"
ANN = Subscriber(id="ann", imsis=(IMSI,), msisdn="+15550100001")


def told(subscriber: Subscriber, *sightings: Sighting, now: datetime = NOW) -> tuple[Subscriber, list[tuple[str, str]]]:
    """The subscriber after these sightings, and each cause with what was before."""
    causes = []
    for sighting in sightings:
        after = detect(subscriber, sighting, now)
        causes += [(one.cause.value, one.former) for one in after.detections]
        subscriber = after.subscriber
    return subscriber, causes


def seen(**fields: Any) -> Sighting:
    return Sighting(**({"imsi": IMSI} | fields))


def test_a_phone_is_told_when_it_is_the_first_and_when_it_is_another() -> None:
    """First IMEI, changed IMEI; the same again says nothing."""
    after, causes = told(ANN, seen(imei=PHONE), seen(imei=PHONE), seen(imei=SECOND), seen(imei=SECOND))
    assert causes == [("first-imei", ""), ("changed-imei", PHONE)]
    assert after.seen[IMSI].imei == SECOND


def test_another_software_version_is_the_same_phone() -> None:
    """The last two digits of an IMEISV are no part of which phone it is (3GPP TS 23.003 6.2.2)."""
    assert told(ANN, seen(imei=PHONE), seen(imei=PHONE_V2), seen(imei=format_imei(PHONE)))[1] == [("first-imei", "")]


def test_what_is_known_gives_the_same_object() -> None:
    """A subscriber of whom nothing is new needs no write."""
    after, _ = told(ANN, seen(imei=PHONE, apns=("internet",)))
    assert detect(after, seen(imei=PHONE, apns=("internet",)), NOW).subscriber is after
    assert is_known(after, IMSI, PHONE_V2)
    assert not is_known(after, IMSI, SECOND)
    assert not is_known(after, OTHER, PHONE)


def test_apns_are_told_when_the_set_changes() -> None:
    """Their order is no change, nor is the first set; no word of them is no word."""
    both = seen(apns=("internet", "ims"))
    after, causes = told(ANN, both, seen(apns=("ims", "internet")), seen(imei=PHONE), seen(apns=("ims",)))
    assert causes == [("first-imei", ""), ("changed-apns", "ims internet")]
    assert after.seen[IMSI].apns == ("ims",)
    assert told(after, seen(apns=()))[1] == [("changed-apns", "ims")]


def test_another_sim_takes_the_place_of_the_only_one() -> None:
    """The phone stays known, keys of the SIM that went do not, and the configuration is another."""
    before, _ = told(replace(ANN, sims={IMSI: Sim(keys=b"k")}), seen(imei=PHONE))
    after, causes = told(before, Sighting(imsi=OTHER, msisdn="+15550100001", imei=PHONE))
    assert causes == [("changed-imsi", IMSI)]
    assert (after.imsis, after.sims, list(after.seen)) == ((OTHER,), {}, [OTHER])
    assert after.content_revision == before.content_revision + 1


def test_among_several_sims_only_the_named_one_is_replaced() -> None:
    """Without a name the new SIM comes in addition, as the first."""
    twins = replace(ANN, imsis=(IMSI, "001010000000002"))
    new = Sighting(imsi=OTHER, msisdn="+15550100001")
    assert told(twins, new)[0].imsis == (OTHER, IMSI, "001010000000002")
    assert told(twins, replace(new, former_imsi="001010000000002"))[0].imsis == (IMSI, OTHER)


def test_a_first_sim_is_no_change() -> None:
    """A subscriber known by number alone learns its SIM."""
    after, causes = told(replace(ANN, imsis=()), Sighting(imsi=IMSI, msisdn="+15550100001"))
    assert (after.imsis, causes) == ((IMSI,), [])


def test_a_late_word_of_the_sim_before_says_nothing() -> None:
    """What was on its way while the SIM was changed does not change it back."""
    later = NOW + timedelta(minutes=5)
    after, _ = told(ANN, Sighting(imsi=OTHER, msisdn="+15550100001"), now=later)
    late = Sighting(imsi=IMSI, msisdn="+15550100001", imei=PHONE, seen_at=NOW)
    found = detect(after, late, later)
    assert (found.subscriber is after, found.stale) == (True, True)
    gone = detect(after, replace(late, imei="", removed=True), later)
    assert (gone.subscriber is after, gone.stale) == (True, True)


def test_a_removal_is_told_once_and_ends_what_was_known() -> None:
    """The next phone is a first one again."""
    after, causes = told(ANN, seen(imei=PHONE), seen(removed=True), seen(removed=True))
    assert causes == [("first-imei", ""), ("removed", "")]
    assert after.seen[IMSI] == Seen(removed_at=NOW)
    assert told(after, seen(imei=PHONE))[1] == [("first-imei", "")]


def test_what_is_older_than_what_is_known_is_stale() -> None:
    """Phone, APNs and removal each keep their own time."""
    before = NOW - timedelta(minutes=1)
    after, _ = told(ANN, seen(imei=PHONE), seen(apns=("ims",)))
    assert detect(after, seen(imei=SECOND, seen_at=before), NOW).stale
    assert detect(after, seen(apns=("internet",), seen_at=before), NOW).stale
    assert detect(after, seen(removed=True, seen_at=before), NOW).stale
    gone, _ = told(ANN, seen(removed=True))
    assert detect(gone, seen(imei=PHONE, seen_at=before), NOW).stale


def test_a_clock_that_stepped_back_orders_nothing() -> None:
    """What is known from a time that has not come yet gives way, and a time in the future counts as now."""
    ahead, _ = told(ANN, seen(imei=PHONE), now=NOW + timedelta(days=400))
    assert told(ahead, seen(imei=SECOND))[1] == [("changed-imei", PHONE)]
    after, _ = told(ANN, seen(imei=PHONE, seen_at=NOW + timedelta(days=400)))
    assert after.seen[IMSI].imei_at == NOW


def test_seeing_the_same_renews_its_time_once_in_a_while() -> None:
    """Not each time: that would be a write for nothing."""
    after, _ = told(ANN, seen(imei=PHONE))
    soon, later = NOW + timedelta(minutes=59), NOW + timedelta(minutes=61)
    assert detect(after, seen(imei=PHONE), soon).subscriber is after
    assert detect(after, seen(imei=PHONE), later).subscriber.seen[IMSI].imei_at == later


SIGHTINGS = st.builds(
    Sighting,
    imsi=st.sampled_from((IMSI, OTHER)),
    msisdn=st.just("+15550100001"),
    imei=st.sampled_from(("", PHONE, SECOND)),
    apns=st.sampled_from((None, (), ("ims",), ("ims", "internet"))),
    removed=st.booleans(),
    seen_at=st.none() | st.integers(-100, 100).map(lambda minutes: NOW + timedelta(minutes=minutes)),
)


@given(st.lists(SIGHTINGS, max_size=12))
def test_every_sighting_is_told_at_most_once(sightings: list[Sighting]) -> None:
    """Whatever came before, the same sighting again changes nothing and tells nothing."""
    subscriber = ANN
    for sighting in sightings:
        subscriber = detect(subscriber, sighting, NOW).subscriber
        again = detect(subscriber, sighting, NOW)
        assert (again.detections, again.subscriber) == ((), subscriber)


def test_lines_and_fields_tell_the_same() -> None:
    """JSON lines and CSV rows are read by one rule; the source is not theirs to say."""
    line = '{"imsi": "001010000000001", "imei": "3512345600000101", "apns": ["ims"], "source": "map"}'
    fields = {"imsi": IMSI, "imei": PHONE, "apns": ["ims"], "removed": None, "msisdn": ""}
    expected = Sighting(imsi=IMSI, imei=PHONE, apns=("ims",), source="csv")
    assert parse_line(line, "csv") == parse_fields(fields, "csv") == expected


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{}", "imsi or an msisdn"),
        ('{"imsi": "12"}', "imsi"),
        ('{"imsi": "001010000000001", "imei": "x"}', "imei"),
        ('{"imsi": "001010000000001", "colour": 1}', "colour"),
        ('{"imsi": "001010000000001", "seen_at": "2026-05-01T12:00:00"}', "seen_at"),
        ('{"imsi": "001010000000001", "apns": [""]}', "apns"),
        ("[1", "array"),
        ("\udcff", "malformed"),
    ],
)
def test_a_line_that_is_none_says_what_is_wrong(line: str, says: str) -> None:
    """With the field's name."""
    with pytest.raises(DecodeError, match=says):
        parse_line(line.encode("utf-8", "surrogateescape"))


def test_the_check_digit_is_worked_out() -> None:
    """The number that is printed as the example everywhere: 49-015420-323751 has 8 (3GPP TS 23.003 annex B)."""
    assert format_imei("4901542032375101") == "490154203237518"


def test_causes_are_the_five() -> None:
    """What automatic device detection knows (3GPP TS 22.101): no more and no fewer."""
    assert {cause.value for cause in Cause} == {
        "first-imei", "changed-imei", "changed-imsi", "changed-apns", "removed",
    }  # fmt: skip
