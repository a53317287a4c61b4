"""Colours of charts: readers of all kinds of colour vision tell them apart, on a white and on a dark card."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest

import gigaplan as gp
from gigaplan import plan
from gigaplan.report.charts import Chart, planner_charts
from gigaplan.report.charts.palette import GREY, HUES, INK, NIGHT
from gigaplan.vocabulary.members import Array

MACHADO = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB."""
OKLAB = (
    np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    ),
    np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    ),
)
"""Ottosson 2020."""
APART = 0.10
"""Distance in OKLab; of Okabe and Ito's own hues the two nearest have 0.076."""
WHITE, DARK = "#ffffff", "#1c2024"


def linear(colour: str) -> Array:
    part = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def distance(a: str, b: str, vision: str) -> float:
    seen = [np.clip(MACHADO[vision] @ linear(c), 0, 1) for c in (a, b)]
    lab = [OKLAB[1] @ np.cbrt(OKLAB[0] @ v) for v in seen]
    return float(np.linalg.norm(lab[0] - lab[1]))


def contrast(a: str, b: str) -> float:
    light, dark = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("vision", list(MACHADO))
@pytest.mark.parametrize("night", [False, True])
def test_any_two_hues_are_told_apart(vision: str, night: bool) -> None:
    hues = [NIGHT[c] if night else c for c in (*HUES, GREY, INK)]
    near = {pair: round(d, 3) for pair in combinations(hues, 2) if (d := distance(*pair, vision)) < APART}
    assert not near


@pytest.mark.parametrize("colour", [*HUES, GREY, INK])
def test_every_hue_stands_out_of_its_ground(colour: str) -> None:
    assert contrast(colour, WHITE) >= 3
    assert contrast(NIGHT[colour], DARK) >= 3


def test_the_measure_sees_what_a_reader_would_confuse() -> None:
    assert distance("#D55E00", "#8A7A00", "deuteranopia") < APART < distance("#D55E00", "#8A7A00", "normal")
    assert contrast("#E69F00", WHITE) < 3


@cache
def charts_of(name: str, colour_by: str) -> dict[str, Chart]:
    result = gp.run(name)
    return planner_charts(result, result, colour_by)


@pytest.mark.parametrize("colour_by", ["state", "place", "generation"])
@pytest.mark.parametrize("name", plan.builtin_names())
def test_a_chart_has_six_hues_at_most_and_no_two_series_look_alike(name: str, colour_by: str) -> None:
    for chart in charts_of(name, colour_by).values():
        hidden = chart.option["legend"].get("selected", {})
        shown = [s for s in chart.option["series"] if s["name"] and hidden.get(s["name"], True)]
        looks = [
            (
                s["itemStyle"]["color"],
                s.get("lineStyle", {}).get("type", "solid"),
                "areaStyle" in s,
                s["type"],
                s.get("yAxisIndex", 0),
            )
            for s in shown
        ]
        assert len(set(looks)) == len(looks), chart.id
        hues = {look[0] for look in looks} - {GREY, INK}
        assert hues <= set(HUES), f"{chart.id}: {hues}"
