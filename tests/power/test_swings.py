"""A site's load by the second: energy is kept, floors only add, and a sine is seen as one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.power.swings import SAMPLES_PER_S, Piece, Store, floored, series, spectrum, stored, swing
from gigaplan.vocabulary.errors import InputError

PIECES = st.lists(
    st.builds(lambda s, m, r: Piece(seconds=s, mw=m, running=r), st.floats(0.003, 3), st.floats(0, 100), st.booleans()),
    min_size=1,
    max_size=8,
)
STORES = st.builds(
    lambda p, e, n, t: Store(power_mw=p, energy_mj=e, efficiency=n, mean_s=t),
    st.floats(0, 80),
    st.floats(0, 200),
    st.floats(0.5, 1.0),
    st.floats(0.05, 20),
)


@settings(max_examples=40)
@given(PIECES, STORES)
def test_storage_keeps_energy_within_its_losses(pieces: list[Piece], store: Store) -> None:
    load, _ = series(pieces)
    grid, held, lost = stored(load, store)
    change = (held[-1] - store.energy_mj / 2) * SAMPLES_PER_S
    assert grid.sum() == pytest.approx(load.sum() + change + lost.sum(), rel=1e-9, abs=1e-6)
    assert (grid >= -1e-9).all()
    assert (lost >= -1e-9).all()
    assert (held >= -1e-9).all() and (held <= store.energy_mj + 1e-9).all()
    assert np.abs(grid - load).max() <= store.power_mw + 1e-9


@settings(max_examples=40)
@given(PIECES, st.floats(0, 100))
def test_a_floor_never_lowers_power_and_narrows_what_is_held(pieces: list[Piece], floor: float) -> None:
    load, held = series(pieces)
    raised = floored(load, held, floor)
    assert (raised >= load).all()
    assert (raised[held > 0] >= floor).all()
    assert np.array_equal(raised[held == 0], load[held == 0])


@settings(max_examples=40)
@given(PIECES)
def test_a_series_has_the_energy_of_its_pieces(pieces: list[Piece]) -> None:
    load, held = series(pieces)
    lost = abs(sum(p.seconds for p in pieces) - len(load) / SAMPLES_PER_S) * 100
    assert load.sum() / SAMPLES_PER_S == pytest.approx(sum(p.seconds * p.mw for p in pieces), abs=lost + 1e-6)
    assert len(held) == len(load)


def test_worked_example_a_square_wave() -> None:
    """A square wave of 40 MW at 1 Hz: the first harmonic is 2/pi of its height (Fourier)."""
    load, _ = series([Piece(seconds=0.5, mw=60.0), Piece(seconds=0.5, mw=20.0)] * 30)
    found = swing(load, slice(None))
    assert found.frequency_hz == pytest.approx(1.0)
    assert found.amplitude_mw == pytest.approx(40 * 2 / np.pi, rel=0.01)
    assert found.range_mw == pytest.approx(40.0)
    assert found.mean_mw == pytest.approx(40.0)
    smooth, _, _ = stored(load, Store(power_mw=100.0, energy_mj=1000.0, efficiency=0.95, mean_s=10.0))
    assert swing(smooth, slice(1000, None)).amplitude_mw < found.amplitude_mw / 20


def test_a_store_without_energy_changes_nothing_and_nonsense_is_refused() -> None:
    load, _ = series([Piece(seconds=1.0, mw=5.0), Piece(seconds=1.0, mw=50.0)])
    grid, _, _ = stored(load, Store(power_mw=10.0, energy_mj=0.0, efficiency=0.9, mean_s=5.0))
    assert grid == pytest.approx(load)
    for wrong in ([], [Piece(seconds=-1.0, mw=5.0)], [Piece(seconds=1.0, mw=np.nan)]):
        with pytest.raises(InputError):
            series(wrong)
    assert len(spectrum(np.array([3.0]))[0]) == 1
