"""Folding a quantity over its labels: what it gives where values are undefined, and that it happens once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.claims import measure
from gigaplan.results.verdicts import Claim

NAN_AWARE = {"max": np.nanmax, "min": np.nanmin}
ENTRIES = st.lists(st.one_of(st.just(np.nan), st.floats(-1e12, 1e12)), min_size=12, max_size=12)


@given(st.lists(st.floats(-1e12, 1e12), min_size=12, max_size=12), st.sampled_from([0, 1]))
def test_a_fold_of_defined_values_is_the_fold_that_allows_for_undefined_ones(entries: list[float], axis: int) -> None:
    array = np.array(entries).reshape(3, 4)
    for how, nan_aware in NAN_AWARE.items():
        assert np.array_equal(measure._extreme(how, array, axis), nan_aware(array, axis=axis))


@pytest.mark.filterwarnings("ignore:All-NaN")
@given(ENTRIES, st.sampled_from([0, 1]))
def test_undefined_values_are_left_out_and_nothing_but_them_stays_undefined(entries: list[float], axis: int) -> None:
    array = np.array(entries).reshape(3, 4)
    undefined = np.isnan(array).all(axis=axis)
    for how, nan_aware in NAN_AWARE.items():
        folded = measure._extreme(how, array, axis)
        assert np.array_equal(np.isnan(folded), undefined)
        assert np.array_equal(folded[~undefined], nan_aware(array, axis=axis)[~undefined])


def test_readings_of_the_same_labels_fold_a_quantity_once(
    announced: Callable[..., dict[str, Claim]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures per year and per basis differ in time and in factors alone."""
    times: Counter[object] = Counter()
    fold = measure._folded

    def counted(read: Any, source: Any, frame: Any) -> Any:
        picked = tuple(frame.picked.items())
        times[read.quantity, read.at, read.over, frame.bases.get("token"), frame.kept, picked, frame.zero] += 1
        return fold(read, source, frame)

    monkeypatch.setattr(measure, "_folded", counted)
    announced()
    assert len(times) > 10
    assert set(times.values()) == {1}


def test_readings_of_other_labels_are_folded_apart(checked: Callable[..., Claim]) -> None:
    """Neither labels, nor the way of folding, nor a basis of tokens, nor a selection, is taken for another."""
    kinds = np.broadcast_to(np.arange(1.0, 6.0)[:, None], (1, 2, 5, 36))  # 1 to 5 of each kind, on two workloads
    tokens = "quantity: tokens_served_per_day, reduce: last"
    gpus = "quantity: gpus_producing, reduce: last"
    few = f"among: {{generation: {{{gpus}, below: 2e6}}}}"
    readings = {
        f"{tokens}, at: {{token: output}}": 10,
        f"{tokens}, at: {{token: [media, output]}}": 16,
        f"{tokens}, bases: {{token: [generated]}}": 18,
        f"{tokens}, bases: {{token: [processed]}}": 30,
        f"{tokens}, over: {{token: max}}": 10,
        gpus: 5e6,
        f"{gpus}, over: {{generation: max}}": 4e6,
        f"{gpus}, {few}": 1e6,
        f"{gpus}, most: generation": 4e6,
    }
    held = checked(
        "[" + ", ".join(f"{{{reading}, at_least: 0}}" for reading in readings) + "]", tokens_served_per_day=kinds
    )
    assert [f.value for f in held.figures] == pytest.approx(list(readings.values())), held.because
