"""Every system of the catalog resolves to a device, and generations stand where they should."""

from __future__ import annotations

import pytest

from gigaplan import catalog
from gigaplan.plan.resolve import device_of

FACTS = catalog.load()
SYSTEMS = FACTS.entities("peak_bf16_flops_per_s")


def test_the_catalog_has_every_vendor_and_generation() -> None:
    assert len(SYSTEMS) >= 30
    assert {"NVIDIA", "AMD", "Google", "Amazon", "Broadcom"} <= {str(FACTS.find(s, "vendor").value) for s in SYSTEMS}


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_is_a_device_that_can_be(system: str) -> None:
    device = device_of(FACTS, system)
    if device.peak_fp8_flops_per_s:
        assert 0.9 <= device.peak_fp8_flops_per_s / device.peak_bf16_flops_per_s <= 4.5
    if device.peak_fp4_flops_per_s:
        assert device.peak_fp4_flops_per_s >= device.peak_fp8_flops_per_s
    assert 5 <= device.peak_bf16_flops_per_s / device.hbm_bandwidth_bytes_per_s <= 4000
    assert FACTS.find(system, "package").value


def test_each_generation_of_one_maker_is_faster_than_the_one_before() -> None:
    for line in (
        ("v100_dgx", "a100_hgx", "h100_hgx", "b200_hgx", "gb300_nvl72", "vr_nvl72", "rubin_ultra_nvl144"),
        ("mi300x_oam8", "mi355x_oam8", "mi455x_helios"),
        ("tpu_v4", "tpu_v5p", "tpu_v6e", "tpu_v7_ironwood"),
    ):
        peaks = [device_of(FACTS, s).peak_bf16_flops_per_s for s in line]
        assert peaks == sorted(peaks)
        dates = [FACTS.find(s, "first_ship_date").day for s in line]
        assert dates == sorted(dates)


def test_what_is_announced_or_assumed_has_a_range() -> None:
    for quantity in ("peak_fp4_flops_per_s", "peak_bf16_flops_per_s", "hbm_bandwidth_bytes_per_s", "rack_power_kw"):
        fact = FACTS.find("rubin_ultra_nvl144", quantity)
        assert fact.low is not None
        assert fact.high is not None
        assert fact.low < fact.high
