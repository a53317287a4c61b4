"""Names tables: every spelling of the published tables means the one model or system that its row names."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.catalog.names import systems_named, without_separators
from gigaplan.plan.aliases import model_names
from gigaplan.plan.resolver import LISTED_BY, candidates, known_names, meant_in_table, resolved
from gigaplan.vocabulary.errors import UnsupportedError

NAMES = Path(__file__).with_name("published_names.csv")
SHARED = Path(__file__).parents[3] / "shared"
ROWS = list(csv.DictReader(NAMES.read_text(encoding="utf-8").splitlines()))
COLUMNS = {"gpu": "system", "system": "system", "model": "model", "benchmark": "model"}
"""Columns of tables and what they name."""
KINDS = tuple(LISTED_BY)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["published"][:60])
def test_each_published_spelling_means_one_name(row: dict[str, str]) -> None:
    if row["means"]:
        assert meant_in_table(row["kind"], row["published"]) == row["means"]
    else:
        with pytest.raises(UnsupportedError, match=r"nearest is|catalog list"):
            meant_in_table(row["kind"], row["published"])


@pytest.mark.parametrize("row", [r for r in ROWS if r["means"]], ids=lambda r: r["published"][:60])
def test_elsewhere_a_published_spelling_means_the_same_or_is_refused(row: dict[str, str]) -> None:
    found = candidates(row["kind"], row["published"])
    assert not found or found[0] == row["means"]


@pytest.mark.parametrize("folder", ["data/validation", "cases"])
def test_every_spelling_of_the_shared_tables_has_its_row(folder: str) -> None:
    if not (SHARED / folder).is_dir():
        pytest.skip("the shared tables are not here")
    known = {(r["kind"], r["published"]) for r in ROWS}
    for path in sorted((SHARED / folder).glob("*.csv")):
        for row in csv.DictReader(path.read_text(encoding="utf-8", errors="replace").splitlines()):
            for column, kind in COLUMNS.items():
                assert not row.get(column) or (kind, row[column]) in known, f"{path.name}: {row[column]}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_names_are_one_without_case_and_separators(kind: str) -> None:
    names = known_names(kind)
    assert len({without_separators(name) for name in names}) == len(names)


def test_no_other_name_hides_a_name_of_the_catalog() -> None:
    models = {without_separators(name) for name in known_names("model")}
    text = (files("gigaplan.plan") / "data" / "model_aliases.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    keys = [without_separators(row["name"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert not models.intersection(keys)
    for row in rows:
        means = (row["model"], *row["or"].split())
        assert row["why"]
        assert set(means) <= set(known_names("model"))
        assert model_names()[without_separators(row["name"])] == candidates("model", row["name"]) == means


def test_the_name_of_a_package_is_one_system() -> None:
    facts = catalog.load()
    for system in known_names("system"):
        package = str(facts.find(system, "package").value) if facts.has(system, "package") else system
        found = systems_named(package)
        assert found in ((), (system,)) or system in found, package


@given(data=st.data())
def test_every_name_is_itself_in_any_case_and_with_any_separator(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    name = data.draw(st.sampled_from(known_names(kind)))
    written = "".join(
        data.draw(st.sampled_from(("_", "-", " ", ".", "")))
        if c in "_-"
        else data.draw(st.sampled_from((c, c.upper())))
        for c in name
    )
    assert resolved(kind, written) == name
    assert kind not in ("model", "system") or meant_in_table(kind, written) == name


OTHER_SIZE = ("mini", "lite", "flash", "small", "air", "nano", "max", "pro", "coder", "plus", "ultra", "vl", "5", "v9")


@given(model=st.sampled_from(known_names("model")), word=st.sampled_from(OTHER_SIZE))
def test_a_word_for_another_size_or_version_is_never_dropped(model: str, word: str) -> None:
    written = f"{model}-{word}"
    released = word == "v9" and model.rsplit("_", maxsplit=1)[-1][0].isdigit()  # weights: Mixtral-8x7B-v0.1
    if not released:
        for table in (False, True):
            assert model not in candidates("model", written, table=table)


@pytest.mark.parametrize(
    ("kind", "name", "means"),
    [
        ("model", "Kimi-K2.9", ()),
        ("model", "DeepSeek-V3.5", ()),
        ("model", "Qwen3-8B-FP8", ()),
        ("model", "gpt-oss", ("gpt_oss_120b", "gpt_oss_20b")),
        ("model", "Mixtral 47B", ("mixtral_8x7b",)),
        ("model", "Mixtral-8x7B-Instruct-v0.1", ("mixtral_8x7b",)),
        ("model", "DeepSeek-V3 banana", ()),
        ("system", "H100", ("h100_hgx", "h100_nvl", "h100_pcie")),
        ("system", "H100 SXM5 80GB", ("h100_hgx",)),
        ("system", "A100 80GB PCIe", ("a100_pcie",)),
        ("system", "A100 40GB PCIe", ()),
        ("system", "A100 40GB", ("a100_40gb_hgx",)),
        ("system", "H100 94GB", ()),
        ("system", "GB300 NVL36", ()),
        ("system", "vr_nvl27", ()),
        ("system", "b2000", ()),
        ("region", "PJM", ("pjm",)),
        ("region of users", "US", ("region_us",)),
        ("workload", "Enterprise API", ("enterprise_api",)),
    ],
)
def test_what_a_name_says_is_never_overheard(kind: str, name: str, means: tuple[str, ...]) -> None:
    assert candidates(kind, name) == means
