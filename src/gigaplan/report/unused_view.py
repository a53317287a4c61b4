"""Lines of a plan that change nothing, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.study.unused import UnusedLine, UnusedLines


def unused_lines(answer: UnusedLines) -> RenderableType:
    """Return the lines that change nothing, each with its reason, then those that couldn't be changed."""
    some = f"{len(answer.unused)} of {answer.tried} lines change no quantity and no verdict"
    head = some if answer.unused else f"Each of {answer.tried} lines changes a quantity or a verdict"
    parts = [Text(f"{answer.plan}: {head}.", "bold"), *(_line(one) for one in answer.unused)]
    if answer.not_tried:
        parts.append(Text(f"Not tried: {len(answer.not_tried)} lines", "dim"))
        parts += [Text(text, "dim") for text in _by_reason(answer.not_tried)]
    return Group(*parts)


def _line(one: UnusedLine) -> Text:
    text = Text(f"  {one.path}: {one.value}")
    if one.because:
        text.append(f", because {one.because}")
    return text.append(f"  {one.place}", "dim")


def _by_reason(lines: tuple[UnusedLine, ...]) -> Iterator[str]:
    """Yield lines that have a reason in common together."""
    for reason in dict.fromkeys(one.because for one in lines):
        yield f"  {', '.join(one.path for one in lines if one.because == reason)}: {reason}"
