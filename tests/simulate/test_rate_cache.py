"""Rates on disk: found again by content, never stale, never in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.inference.frontier import Choice, OperatingPoint
from gigaplan.plan.resolve import device_of
from gigaplan.simulate import rate_cache as kept
from gigaplan.simulate.couplings import throughput
from gigaplan.vocabulary.files.stored import key_of

POINT = OperatingPoint(0.0, 1.5, 0.25, 0.0125, 16, 96, 0.95)
RATE = Choice((POINT, OperatingPoint(0.5, 2.5, 0.5, 0.025, 16, 192, 0.01)))


@pytest.fixture(autouse=True)
def nothing_kept_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave this process without a file of rates, as the other tests have it."""
    yield
    monkeypatch.setenv("GIGAPLAN_CACHE", "off")
    kept._stored_rates.cache_clear()
    kept.stored_rates()


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "below" / "rates.json"
    store = kept.StoredRates(path)
    store.put("a", RATE)
    store.keep()
    assert kept.StoredRates(path).get("a") == RATE
    assert kept.StoredRates(path).get("b") is None
    assert [p.name for p in path.parent.iterdir()] == ["rates.json"]


def test_a_choice_without_points_is_found_with_its_reason(tmp_path: Path) -> None:
    store = kept.StoredRates(tmp_path / "rates.json")
    store.put("a", Choice((), "does not fit"))
    store.keep()
    assert kept.StoredRates(tmp_path / "rates.json").get("a") == Choice((), "does not fit")


def test_the_key_tells_every_input_apart() -> None:
    device = device_of(catalog.load(), "h100_hgx")
    other = replace(device, hbm_bytes=np.nextafter(device.hbm_bytes, 2e12))
    assert key_of(device, 1.0) == key_of(device, 1.0)
    assert len({key_of(device, 1.0), key_of(other, 1.0), key_of(device, 2.0)}) == 3


def test_rates_of_unlike_watts_do_not_mix() -> None:
    device = device_of(catalog.load(), "h100_hgx")
    assert key_of(device) != key_of(replace(device, clock_share=0.9))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": [1]}', '{"a": "b"}', '{"a": null}'])
def test_a_spoilt_file_is_searched_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rates.json"
    path.write_text(text)
    assert kept.StoredRates(path).get("a") is None


def test_a_folder_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = kept.StoredRates(tmp_path / "file" / "rates.json")
    store.put("a", RATE)
    store.keep()
    assert store.get("a") == RATE


def test_a_run_is_the_same_with_kept_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = gp.run("lab-1mw")
    monkeypatch.setenv("GIGAPLAN_CACHE", str(tmp_path))
    for _ in range(2):
        kept._stored_rates.cache_clear()
        throughput._choice.cache_clear()
        again = gp.run("lab-1mw")
        for name in plain.arrays:
            np.testing.assert_array_equal(plain[name], again[name])
    assert len(list(tmp_path.glob("rates-*.json"))) == 1
    assert not list(tmp_path.glob("search-*.json")), "a run of one member needs no elasticities"
    kept._stored_rates.cache_clear()


def test_off_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIGAPLAN_CACHE", "off")
    kept._stored_rates.cache_clear()
    assert kept.stored_rates().path is None


def test_altered_mistyped_and_foreign_files_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    store = kept.StoredRates(path)
    store.put("a", RATE)
    wrong = {
        "b": Choice((replace(POINT, gpus="16"),)),  # type: ignore[arg-type]
        "c": Choice((replace(POINT, ttft_s=float("inf")),)),
        "d": Choice((replace(POINT, ttft_s=10**400),)),  # more than a float holds
        "e": Choice((replace(POINT, requests_per_gpu_s=1e300),)),  # what no machine serves
        "f": Choice((replace(POINT, tpot_s=-1.0),)),
        "g": Choice((replace(POINT, gpus=-8),)),
        "h": Choice((RATE.points[1], POINT)),  # no hull
        "i": Choice((POINT, replace(POINT, log_slowness=0.5))),
        "j": Choice((replace(POINT, requests_per_gpu_s=0.0),)),
        "l": Choice((replace(POINT, within=1.01),)),
        "m": Choice((replace(POINT, within=True),)),
        "k": Choice(()),  # neither a point nor a reason
    }
    for key, value in wrong.items():
        store.put(key, value)
    store.keep()
    assert kept.StoredRates(path).get("a") == RATE
    assert not any(kept.StoredRates(path).get(k) for k in wrong)
    whole = path.read_text()
    path.write_text(whole.replace("0.25", "2.5", 1))
    assert kept.StoredRates(path).get("a") is None
    path.write_text(whole.replace('"format": 6', '"format": 5'))
    assert kept.StoredRates(path).get("a") is None
    path.write_text("[" * 100_000)
    assert kept.StoredRates(path).get("a") is None
    path.write_text(whole)
    path.chmod(0o666)
    assert kept.StoredRates(path).path is None
    path.chmod(0o600)
    assert kept.StoredRates(path).get("a") == RATE


def test_law_a_run_of_members_is_the_same_with_a_stored_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searched, stored by the first run, and read by the second, the numbers are the same; and nothing is searched."""
    plan = {"uncertainty.members": "9", "horizon.end": "2027-12"}
    plain = gp.run("lab-1mw", plan)
    monkeypatch.setenv("GIGAPLAN_CACHE", str(tmp_path))
    for k in range(2):
        kept._stored_rates.cache_clear()
        throughput._choice.cache_clear()
        again = gp.run("lab-1mw", plan)
        for name in plain.arrays:
            np.testing.assert_array_equal(plain[name], again[name])
        assert bool(throughput._choice.cache_info().currsize) == (k == 0)
    assert len(list(tmp_path.glob("search-*.json"))) == 2, "of the central models, and of those that members may have"
    kept._stored_rates.cache_clear()


@pytest.mark.parametrize(
    "value", [None, [], [[1.0]], [[[1.0, 2.0]], [[float("nan"), 1.0]]], [[[1e9, 0.0]], [[1.0, 0.0]]], "a", [[["b", 1]]]]
)
def test_elasticities_that_are_none_are_searched_anew(value: object) -> None:
    search = kept.WholeSearch(None)
    search.store("0 0 output_tokens", value)
    assert search.sides("0 0 output_tokens", (1, 2)) is None
    search.put_sides("1 0 output_tokens", np.ones((1, 2)), np.zeros((1, 2)))
    again = kept.WholeSearch(None)
    again.values.update(search.values)
    found = again.sides("1 0 output_tokens", (1, 2))
    assert found is not None
    np.testing.assert_array_equal(found[0], 1.0)


def test_old_searches_make_room(tmp_path: Path) -> None:
    rates = kept.StoredRates(tmp_path / "rates.json")
    for k in range(kept.MOST_SEARCHES + 3):
        search = rates.search(f"{k:032d}")
        search.put_choices([RATE])
        search.keep()
    assert len(list(tmp_path.glob("search-*.json"))) == kept.MOST_SEARCHES
    assert rates.search(f"{k:032d}").choices(1) == [RATE]
    assert kept.StoredRates(tmp_path / "rates.json").search(f"{k:032d}").choices(2) is None, "of another number"
