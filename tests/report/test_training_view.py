"""Validation of training on the terminal."""

from __future__ import annotations

import io

from rich.console import Console

import gigaplan as gp
from gigaplan.report.training_view import training_validation


def test_the_summary_of_all_tables_stands_last() -> None:
    answer = gp.validate_training().steps
    screen = io.StringIO()
    Console(file=screen, width=200).print(training_validation(answer))
    first = screen.getvalue().split("\n\n")[0].splitlines()
    named = [line.strip() for line in first if line.strip()]
    assert named[-1].startswith("all tables"), named[-1]
    assert sum(line.startswith("all tables") for line in named) == 1
    assert len(named) == len(answer.summaries) + 1, "one heading"
