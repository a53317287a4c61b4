"""Recalculate workbooks in LibreOffice and compare every formula with the engine's figure, which is its kept value.

    python tests/workbook/recalculate.py [PLAN ...]

``OOXMLRecalcMode`` 0 makes LibreOffice calculate a file when it loads it; without it the kept values come back. That it
does is checked with one formula whose kept value is wrong.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import xlsxwriter

import gigaplan as gp

PLANS = ("announced-2025-09", "campus-1gw", "lab-1mw", "neocloud-100mw")
LIMIT_S = 300
TOLERANCE = 1e-9
"""Relative."""
SUM, CENT = 1e5, 1e-2
"""From this amount [USD] on, the absolute tolerance [USD]: running sums of billions come near to nothing."""
OF_RATES = 1e-6
"""Relative, of an internal rate, which is found by iteration."""
PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
Place = tuple[str, str]


def main(plans: list[str]) -> int:
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        print(
            "LibreOffice is missing, and this check needs it: apt-get install --no-install-recommends libreoffice-calc"
        )
        return 1
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        if not recalculates(office, Path(folder)):
            print("LibreOffice gave a kept value back instead of calculating it: nothing can be compared")
            return 1
        for plan in plans:
            written = Path(folder) / f"{plan}.xlsx"
            gp.export(gp.run(plan, {"uncertainty.members": 1}), "xlsx", written)
            kept, now = formulas(written), values(recalculated(office, written))
            found = [
                f"  {place}: {kept[place]!r} kept, {now.get(place)!r} now"
                for place in kept
                if differs(kept, now, place)
            ]
            print(f"{plan}: {len(kept):,} formulas recalculated, {len(found)} differ")
            print("\n".join(found[:20]), end="\n" if found else "")
            wrong += len(found) + (not kept)
    return 1 if wrong else 0


def recalculates(office: str, folder: Path) -> bool:
    """Return whether LibreOffice calculates a formula anew whose kept value is wrong."""
    path = folder / "wrong.xlsx"
    book = xlsxwriter.Workbook(str(path))
    book.add_worksheet("one").write_formula(0, 0, "=1+1", None, 3)
    book.close()
    return values(recalculated(office, path))[("one", "A1")] == 2


def recalculated(office: str, path: Path) -> Path:
    """Return the file as LibreOffice saves it after it has calculated everything."""
    profile, out = path.parent / "profile", path.parent / "out"
    (profile / "user").mkdir(parents=True, exist_ok=True)
    (profile / "user" / "registrymodifications.xcu").write_text(PROFILE, encoding="utf-8")
    command = [office, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", "xlsx"]
    command += ["--outdir", str(out), str(path)]
    environment = {**os.environ, "HOME": str(path.parent)}
    subprocess.run(command, check=True, timeout=LIMIT_S, capture_output=True, env=environment)
    return out / path.name


def formulas(path: Path) -> dict[Place, object]:
    """Return the kept value of every formula."""
    kept = values(path)
    written = openpyxl.load_workbook(path)
    return {
        (sheet.title, cell.coordinate): kept.get((sheet.title, cell.coordinate))
        for sheet in written.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    }


def values(path: Path) -> dict[Place, object]:
    """Return the value of every cell that has one."""
    book = openpyxl.load_workbook(path, data_only=True)
    return dict(_values(book))


def _values(book: openpyxl.Workbook) -> Iterator[tuple[Place, object]]:
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.value not in (None, ""):
                    yield (sheet.title, cell.coordinate), cell.value


def differs(kept: dict[Place, object], now: dict[Place, object], place: Place) -> bool:
    a, b = kept[place], now.get(place)
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        return a != b
    relative = OF_RATES if place == ("Cash flows", "D8") else TOLERANCE
    return not math.isclose(a, b, rel_tol=relative, abs_tol=CENT if abs(a) > SUM else 0.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(PLANS)))
