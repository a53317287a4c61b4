"""``frontier --gpus``: whole replicas on a number of GPUs."""

from __future__ import annotations

from typing import Any

import pytest

import gigaplan as gp
from gigaplan.layers.serving import Fleet
from gigaplan.vocabulary.errors import PlanError


def fleet(gpus: int, **options: Any) -> Fleet | None:
    return gp.frontier("llama_3_1_70b", "h100_hgx", gpus=gpus, **options).curves[0].fleet


def test_replicas_and_those_left_over_are_all_gpus() -> None:
    for gpus in (1, 2, 3, 4, 7, 12, 100):
        found = fleet(gpus)
        if found is None:
            assert gpus == 1, "one GPU holds no 70 B model, two do"
            continue
        assert found.replicas * found.point.gpus + found.gpus_left_over == gpus
        assert found.gpus_left_over < found.point.gpus
        speed = found.point.output_tokens_per_s_per_gpu.value * (gpus - found.gpus_left_over)
        assert found.output_tokens_per_s.value == pytest.approx(speed)


def test_more_gpus_never_serve_fewer_tokens_and_no_point_does_better() -> None:
    speeds = [f.output_tokens_per_s.value if (f := fleet(n)) else 0.0 for n in range(1, 20)]
    assert speeds == sorted(speeds)
    curve = gp.frontier("llama_3_1_70b", "h100_hgx", gpus=19).curves[0]
    assert curve.fleet is not None
    for point in curve.points:
        together = 19 // point.gpus * point.gpus * point.output_tokens_per_s_per_gpu.value
        assert together <= curve.fleet.output_tokens_per_s.value * (1 + 1e-9)


def test_without_a_number_there_is_no_fleet_and_a_negative_one_is_refused() -> None:
    assert gp.frontier("llama_3_1_8b", "h100_hgx").curves[0].fleet is None
    with pytest.raises(PlanError, match="above zero"):
        fleet(-1)


def test_a_fleet_goes_through_json() -> None:
    answer = gp.frontier("llama_3_1_8b", "h100_hgx", gpus=5)
    assert type(answer).from_dict(gp.to_json(answer)) == answer
