from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ["GIGAPLAN_CACHE"] = "off"  # tests search anew and leave the home alone

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("repeatable")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-golden", action="store_true", help="write the golden files anew instead of comparing")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run only tests that compare with golden files while these are written anew."""
    if config.getoption("--renew-golden"):
        items[:] = [i for i in items if "golden" in getattr(i, "fixturenames", ())]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Compare plain data with a kept file, numbers to six digits; ``--renew-golden`` writes it."""

    def compare(name: str, data: Any) -> None:
        path = GOLDEN / name
        if request.config.getoption("--renew-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
            return
        kept = json.loads(path.read_text())
        differences = list(differing(kept, json.loads(json.dumps(data)), ""))
        assert not differences, "golden run changed (make golden renews it):\n" + "\n".join(differences[:20])

    return compare


def differing(kept: Any, now: Any, path: str) -> Any:
    if isinstance(kept, dict) and isinstance(now, dict):
        for key in sorted({*kept, *now}):
            if key in kept and key in now:
                yield from differing(kept[key], now[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}: {'gone' if key in kept else 'new'}"
    elif isinstance(kept, list) and isinstance(now, list) and len(kept) == len(now):
        for i, (a, b) in enumerate(zip(kept, now, strict=True)):
            yield from differing(a, b, f"{path}[{i}]")
    elif isinstance(kept, float) and isinstance(now, int | float):
        if now != pytest.approx(kept, rel=1e-6, abs=1e-12, nan_ok=True):
            yield f"{path}: {kept} -> {now}"
    elif kept != now:
        yield f"{path}: {kept} -> {now}"


@pytest.fixture(scope="session", autouse=True)
def one_member() -> Iterator[None]:
    """Run one member where nothing else is stated: a hundred take a second."""
    from gigaplan.plan import schema

    before, schema.MEMBERS = schema.MEMBERS, 1
    yield
    schema.MEMBERS = before


@pytest.fixture(scope="session")
def announced() -> Any:
    """The built-in plan's result, run once."""
    import gigaplan as gp

    return gp.run("announced-2025-09")
