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
    assert kept.key_of(device, 1.0) == kept.key_of(device, 1.0)
    assert len({kept.key_of(device, 1.0), kept.key_of(other, 1.0), kept.key_of(device, 2.0)}) == 3


def test_rates_of_unlike_watts_do_not_mix() -> None:
    device = device_of(catalog.load(), "h100_hgx")
    assert kept.key_of(device) != kept.key_of(replace(device, clock_share=0.9))


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
    path.write_text(whole.replace('"format": 5', '"format": 4'))
    assert kept.StoredRates(path).get("a") is None
    path.write_text("[" * 100_000)
    assert kept.StoredRates(path).get("a") is None
    path.write_text(whole)
    path.chmod(0o666)
    assert kept.StoredRates(path).path is None
    path.chmod(0o600)
    assert kept.StoredRates(path).get("a") == RATE
