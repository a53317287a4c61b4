"""The first token of a site is one that somebody is served, not the first hour of its racks."""

from __future__ import annotations

import numpy as np
import pytest

import gigaplan as gp

ONE = {"uncertainty.members": 1}


@pytest.fixture(scope="module")
def campus() -> gp.Result:
    return gp.run("campus-1gw", ONE)


def test_racks_that_only_train_serve_no_token() -> None:
    kept = gp.run("campus-1gw", ONE | {"training.share": {"2025-01": "100 %"}})
    assert kept.central("gpus_producing").sum() > 0
    assert kept.central("gpu_hours").sum() == 0
    assert np.isnan(kept["first_token_day"]).all()


def test_tokens_wait_for_racks_that_serve(campus: gp.Result) -> None:
    late = gp.run("campus-1gw", ONE | {"training.share": {"2025-01": "100 %", "2030-01": "100 %", "2030-02": "40 %"}})
    first = [str(late.day(d))[:7] for d in late.central("first_token_day") if np.isfinite(d)]
    assert first
    assert min(first) == "2030-01"
    for site, day in zip(campus.labels["site"], campus.central("first_token_day"), strict=True):
        assert not day > late.central("first_token_day")[late.labels["site"].index(site)]


def test_on_the_first_day_of_tokens_the_site_holds_racks_and_its_generation_serves(campus: gp.Result) -> None:
    serving = campus.central("gpu_hours").sum(axis=0) > 0  # (generation, month)
    for place, day in enumerate(campus.central("first_token_day")):
        month = int(np.searchsorted(campus.axis.edge_days, day, side="right")) - 1
        there = campus.central("racks_in_production")[:, place, month + 1] > 0
        assert (there & serving[:, month]).any()
