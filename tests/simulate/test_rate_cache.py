"""Rates on disk: found again by content, never stale, never in the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.inference.frontier import Rate
from gigaplan.plan.resolve import device_of
from gigaplan.simulate import rate_cache as kept
from gigaplan.simulate.couplings import throughput

RATE = Rate(1.5, 0.25, 0.0125, 16, 2, True, 96, "", "tpot", "attention")


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "below" / "rates.json"
    store = kept.StoredRates(path)
    store.put("a", RATE)
    store.keep()
    assert kept.StoredRates(path).get("a") == RATE
    assert kept.StoredRates(path).get("b") is None
    assert [p.name for p in path.parent.iterdir()] == ["rates.json"]


def test_the_key_tells_every_input_apart() -> None:
    device = device_of(catalog.load(), "h100_hgx")
    other = replace(device, hbm_bytes=np.nextafter(device.hbm_bytes, 2e12))
    assert kept.key_of(device, 1.0) == kept.key_of(device, 1.0)
    assert len({kept.key_of(device, 1.0), kept.key_of(other, 1.0), kept.key_of(device, 2.0)}) == 3


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
    store.put("b", replace(RATE, gpus="16"))  # type: ignore[arg-type]
    store.put("c", replace(RATE, ttft_s=float("inf")))
    store.put("d", replace(RATE, ttft_s=10**400))  # more than a float holds
    store.put("e", replace(RATE, requests_per_gpu_s=1e300))  # what no machine serves
    store.put("f", replace(RATE, tpot_s=-1.0))
    store.put("g", replace(RATE, gpus=-8))
    store.keep()
    assert [k for k in "abcdefg" if kept.StoredRates(path).get(k) == RATE] == ["a"]
    assert not any(kept.StoredRates(path).get(k) for k in "bcdefg")
    whole = path.read_text()
    path.write_text(whole.replace("0.25", "2.5", 1))
    assert kept.StoredRates(path).get("a") is None
    path.write_text(whole.replace('"format": 2', '"format": 3'))
    assert kept.StoredRates(path).get("a") is None
    path.write_text("[" * 100_000)
    assert kept.StoredRates(path).get("a") is None
    path.write_text(whole)
    path.chmod(0o666)
    assert kept.StoredRates(path).path is None
    path.chmod(0o600)
    assert kept.StoredRates(path).get("a") == RATE
