"""What devices of one model refuse, and what follows for the others of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.learnt import KIND, LIMITS, MAX_FINDINGS, LearntModels, Word
from gateway.store.protocol import Store
from gateway.tree.uri import UriLimits


def phone(number: int, *refused: str, manufacturer: str = "Acme", model: str = "A1") -> Device:
    state = OmaDmState(loc_uri=f"IMEI:{number}", client=Credential(name="", secret=b""), refused_verbs=refused)
    return Device(id=f"s{number}.1", manufacturer=manufacturer, model=model, omadm=state)


async def refuses(models: LearntModels, store: Store, device: Device) -> None:
    assert device.omadm is not None
    before = replace(device, omadm=replace(device.omadm, refused_verbs=()))
    await models.learn(before, device)
    await models.refresh()


async def test_a_command_is_held_back_from_a_model_once_several_devices_refused_it(store: Store) -> None:
    """Two say so, and one that says it twice counts once; another model is not touched, nor another command."""
    models = LearntModels(store, 2)
    await refuses(models, store, phone(1, "Atomic", "Copy"))
    await refuses(models, store, phone(1, "Atomic"))
    assert models.lacking(phone(9)) == ()
    await refuses(models, store, phone(2, "Atomic", manufacturer="ACME"))
    assert models.lacking(phone(9)) == ("Atomic",)
    assert models.lacking(phone(9, model="B2")) == ()
    spared = models.applied(phone(9, "list"))
    assert spared.omadm is not None
    assert spared.omadm.refused_verbs == ("list", "Atomic")


async def test_nothing_is_written_once_a_model_is_known(store: Store) -> None:
    """A fleet of ten thousand that all refuse it writes as often as it takes to know, and another process knows too."""
    models = LearntModels(store, 2)
    for number in range(2):
        await refuses(models, store, phone(number, "TNDS"))
    before = await store.load_records(KIND)
    await models.learn(phone(3), phone(3, "TNDS"))
    other = LearntModels(store, 2)
    await other.refresh()
    await other.learn(phone(4), phone(4, "TNDS"))
    await LearntModels(store, 2).learn(phone(5), phone(5, "TNDS"))
    assert await store.load_records(KIND) == before
    assert other.lacking(phone(4)) == ("TNDS",)


async def test_many_that_say_it_at_once_are_all_served_and_some_are_heard(store: Store) -> None:
    """A fleet that is switched on together waits for nobody, and its model is known by then."""
    models = LearntModels(store, 2)
    await asyncio.gather(*[models.learn(phone(number), phone(number, "Copy")) for number in range(40)])
    await models.refresh()
    assert models.lacking(phone(99)) == ("Copy",)


@pytest.mark.parametrize(
    ("needed", "word", "lacking"), [(1, "has", ()), (1, "", ()), (3, "lacks", ("Copy",)), (0, "lacks", ("Copy",))]
)
async def test_an_operators_word_goes_before_what_was_learnt(
    store: Store, needed: int, word: Word, lacking: Sequence[str]
) -> None:
    """That a model has it, that it lacks it, or that it be tried anew."""
    models = LearntModels(store, needed)
    await refuses(models, store, phone(1, "Copy"))
    said = await models.say("acme", "a1", "Copy", word)
    assert models.lacking(phone(9)) == tuple(lacking)
    itself = models.applied(phone(9, "Copy", "list")).omadm
    assert itself is not None
    assert itself.refused_verbs == (("list",) if word == "has" else ("Copy", "list"))
    assert ("Copy" in said.findings) is bool(word)
    assert [model.model for model in await models.list()] == ([] if not word else ["A1" if needed else "a1"])


async def test_what_says_not_what_it_is_teaches_nothing(store: Store) -> None:
    """A device without make and model, and any where models are not to be learnt."""
    nameless = phone(1, "Copy", manufacturer="", model="")
    await LearntModels(store, 1).learn(phone(1, manufacturer="", model=""), nameless)
    await LearntModels(store, 0).learn(phone(1), phone(1, "Copy"))
    assert not await store.load_records(KIND)


async def says(models: LearntModels, store: Store, number: int, limits: UriLimits, *, large: bool) -> None:
    device = phone(number)
    assert device.omadm is not None
    said = replace(device, omadm=replace(device.omadm, uri_limits=limits, large_objects=large))
    await models.learn(device, said)
    await models.refresh()


def limits_of(device: Device) -> tuple[UriLimits | None, bool | None]:
    assert device.omadm is not None
    return device.omadm.uri_limits, device.omadm.large_objects


async def test_who_has_not_said_its_limits_has_the_tightest_of_its_model(store: Store) -> None:
    """Those that enough devices said; what a device says itself goes before them, and an operator has them forgotten.

    Spec: OMA-TS-DM_StdObj-V1_2 5.2
    """
    models = LearntModels(store, 2)
    await says(models, store, 1, UriLimits(depth=8, total=127, segment=32), large=True)
    assert limits_of(models.applied(phone(9))) == (None, None)
    await says(models, store, 2, UriLimits(depth=8, total=127, segment=32), large=True)
    assert limits_of(models.applied(phone(9))) == (UriLimits(depth=8, total=127, segment=32), True)
    for number in (3, 4):
        await says(models, store, number, UriLimits(depth=6, total=0, segment=40), large=False)
    tightest = UriLimits(depth=6, total=127, segment=32)
    assert limits_of(models.applied(phone(9))) == (tightest, False)
    assert limits_of(models.applied(phone(9, model="B2"))) == (None, None)
    assert models.lacking(phone(9)) == ()

    own = phone(9)
    assert own.omadm is not None
    own = replace(own, omadm=replace(own.omadm, uri_limits=UriLimits(depth=20), large_objects=True))
    assert models.applied(own) is own
    await models.say("acme", "a1", LIMITS, "")
    assert limits_of(models.applied(phone(9))) == (None, None)


async def test_devices_that_all_say_something_else_do_not_fill_the_store(store: Store) -> None:
    """A model has so many findings and no more."""
    models = LearntModels(store, 2)
    for number in range(1, 40):
        await says(models, store, number, UriLimits(depth=number, total=number, segment=number), large=True)
    (model,) = await models.list()
    assert len(model.findings) == MAX_FINDINGS
