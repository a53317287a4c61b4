from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

BUILTIN = (files("gigaplan.plan") / "builtin" / "announced-2025-09.yaml").read_text()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write the built-in plan with one replacement."""

    def make(old: str = "", new: str = "", *, text: str | None = None) -> Path:
        assert text is not None or old in BUILTIN, f"{old!r} is not in the plan"
        path = tmp_path / "plan.yaml"
        path.write_text(BUILTIN.replace(old, new, 1) if text is None else text)
        return path

    return make
