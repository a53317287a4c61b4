"""Any set of independent mistakes in one plan is reported whole, each at its own place, and nothing else is."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gigaplan import plan
from gigaplan.plan.starter import Start, starter
from gigaplan.vocabulary.errors import PlanError, nearest_name, nearest_names

MISTAKES = {
    "horizon": ("\nhorizon:", "\nhorzion:"),
    "end": ("  end: 2032-01", "  end: 2032-13"),
    "promise": ("  power: 150 MW it # Power with", "  power: 150 MW # Power with"),
    "generation": ("[gb300_nvl72]", "[gb300_nvl27]"),
    "profile": ("profile: max_q", "profile: max_r"),
    "region": ("region: ercot", "region: ercto"),
    "announced": ("announced: 2027-01-01", "announced: 2027-01-41"),
    "power": ("power: 150 MW it # Power of", "power: 150 MW # Power of"),
    "energised": ("energised: 2027-03-01", "energised: 2027-13-01"),
    "driver": ("driver: own # own", "driver: owm # own"),
    "value": ("value_usd_per_request:", "valeu_usd_per_request:"),
    "model": ("model: gpt_oss_120b # Model", "model: gpt_oss_120 # Model"),
    "time": ("tpot_s: 50 ms", "tpot_s: 50 mss"),
    "deferrable": ("deferrable: true", "deferrable: perhaps"),
    "money": ("revenue_usd_per_request: 0.02 USD", "revenue_usd_per_request: 0.02 EUR"),
}


@pytest.fixture(scope="module")
def text() -> str:
    return starter(Start(name="mine", power="150 MW", region="ercot", start="2027"))


def _broken(text: str, names: set[str], folder: Path) -> tuple[Path, set[int]]:
    """Return a plan with some mistakes, and the lines that hold them."""
    lines = set()
    for name in names:
        old, new = MISTAKES[name]
        assert text.count(old) == 1, name
        text = text.replace(old, new)
    for name in names:
        new = MISTAKES[name][1]
        lines.add(text[: text.index(new) + len(new)].count("\n") + 1)
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return file, lines


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(st.sampled_from(sorted(MISTAKES)), min_size=1))
def test_every_mistake_is_reported_at_once_and_nothing_else(text: str, tmp_path: Path, names: set[str]) -> None:
    file, lines = _broken(text, names, tmp_path)
    with pytest.raises(PlanError) as wrong:
        plan.load(file)
    found = wrong.value.problems
    assert len(found) == len(names), str(wrong.value)
    assert {p.place.line for p in found} == lines, str(wrong.value)


def test_all_mistakes_at_once(text: str, tmp_path: Path) -> None:
    file, lines = _broken(text, set(MISTAKES), tmp_path)
    with pytest.raises(PlanError) as wrong:
        plan.load(file)
    assert len(wrong.value.problems) == len(MISTAKES), str(wrong.value)
    assert {p.place.line for p in wrong.value.problems} == lines


def test_a_name_that_continues_what_was_written_is_nearer_than_one_spelt_alike() -> None:
    assert nearest_name("gb300", ["gb10", "gb300_nvl72"]) == "gb300_nvl72"
    assert nearest_names("h100", ["h200", "h100_nvl", "h100_hgx"])[:2] == ("h100_nvl", "h100_hgx")
    assert nearest_names("entirely else", ["h100_nvl"]) == ()
