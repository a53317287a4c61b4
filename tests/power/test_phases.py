"""IT load by phase: training is the node model's, prefill draws most, and nothing passes what is rated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.plan.ratings import node_draw_of, node_of
from gigaplan.power.node import Activity, it_w
from gigaplan.power.phases import it_load, phase_activity
from gigaplan.validation.power.it_load import it_loads
from gigaplan.vocabulary.errors import InputError

SHARE = st.floats(0.0, 1.0)


def load(
    prefill: float, decode: float, training: float = 0.0, gpus: float = 72e3, step: Activity | None = None
) -> float:
    facts = catalog.load()
    node = node_of(facts, "gb200_nvl72")
    found = it_load(gpus, phase_activity(prefill, decode, training, step), node, 150e3, node_draw_of(facts))
    assert found.drawn_mw <= found.rated_mw
    assert found.rated_mw == pytest.approx(gpus / 72 * 0.15)
    return float(found.drawn_mw)


@given(SHARE, SHARE)
def test_more_use_draws_more_and_prefill_most(first: float, second: float) -> None:
    prefill, decode = first, (1 - first) * second
    idle, both = load(0, 0), load(prefill, decode)
    assert idle <= both <= load(1, 0) * (1 + 1e-12)
    assert load(0, decode) <= load(decode, 0) * (1 + 1e-12)


def test_training_is_the_node_models_and_vectors_are_scalars() -> None:
    step = Activity(computing=0.7, moving=0.2, waiting=0.1)
    facts = catalog.load()
    node, curve = node_of(facts, "gb200_nvl72"), node_draw_of(facts)
    assert load(0, 0, 1.0, step=step) == pytest.approx(float(it_w(step, node, 150e3, curve)) * 1e3 / 1e6)
    shares = np.array([0.0, 0.3, 0.9])
    every = it_load(72e3, phase_activity(shares, 0.1), node, 150e3, curve).drawn_mw
    assert every == pytest.approx([load(float(s), 0.1) for s in shares])
    with pytest.raises(InputError):
        load(0.8, 0.4)


def test_published_powers_are_near() -> None:
    rows = it_loads().rows
    assert max(abs(r.error) for r in rows) < 0.12
    assert all(r.low <= r.predicted <= r.high for r in rows)
