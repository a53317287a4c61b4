"""Saving and exporting report how far they are, and a caller that cancels leaves nothing half-written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan.results.result import Result

Writer = Callable[[Result, Path, Callable[[int, int, str], object]], Path]
WRITERS: dict[str, Writer] = {
    "save": lambda result, folder, progress: gp.save(result, folder / "kept", progress),
    "parquet": lambda result, folder, progress: gp.export(result, "parquet", folder / "kept", progress=progress),
    "csv": lambda result, folder, progress: gp.export(result, "csv", folder / "kept", progress=progress),
    "netcdf": lambda result, folder, progress: gp.export(result, "netcdf", folder / "kept", progress=progress),
    "xlsx": lambda result, folder, progress: gp.export(result, "xlsx", folder / "kept", progress=progress),
}


@pytest.fixture(scope="module")
def result() -> Result:
    return gp.run("lab-1mw", {"uncertainty.members": 4})


@pytest.mark.parametrize("name", WRITERS)
def test_progress_goes_from_nothing_to_all(name: str, result: Result, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    WRITERS[name](result, tmp_path, lambda *now: seen.append(now))
    assert len(seen) > 1
    assert len({total for _, total, _ in seen}) == 1
    assert seen[0][0] == 0
    assert all(a <= b for (a, *_), (b, *_) in pairwise(seen))
    assert seen[-1][0] <= seen[-1][1]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_a_cancelled_file_is_not_there(name: str, share: float, result: Result, tmp_path: Path) -> None:
    with pytest.raises(gp.Cancelled):
        WRITERS[name](result, tmp_path, lambda done, total, what: done < share * total)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_what_was_there_stays(name: str, result: Result, tmp_path: Path) -> None:
    before = dataclasses.replace(result, stamp=dataclasses.replace(result.stamp, plan="before"))
    path = WRITERS[name](before, tmp_path, lambda *now: None)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    bytes_before = {file: file.read_bytes() for file in files}
    with pytest.raises(gp.Cancelled):
        WRITERS[name](result, tmp_path, lambda done, total, what: done < total / 2)
    assert {file: file.read_bytes() for file in files} == bytes_before
    assert list(tmp_path.iterdir()) == [path]


def test_a_progress_function_changes_no_byte(result: Result, tmp_path: Path) -> None:
    with_bar = gp.export(result, "parquet", tmp_path / "bar.parquet", progress=lambda *now: None)
    assert with_bar.read_bytes() == gp.export(result, "parquet", tmp_path / "plain.parquet").read_bytes()
