"""What all pages share: templates and the style sheet."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template


def text_of(name: str) -> str:
    """Return a file of ``report/templates``."""
    return (files("gigaplan.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def template(name: str) -> Template:
    """Return a page's template by its file name; what is put into it is escaped.

    Parameters
    ----------
    name : str
        File in ``report/templates``.

    Returns
    -------
    Template
        The compiled template.
    """
    # A name that isn't there is an error: it would leave a hole in the page that no one sees.
    environment = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        loader=FunctionLoader(text_of),
    )
    return environment.get_template(name)


@cache
def style_sheet() -> str:
    """Return the report's style sheet, which every page uses so that pages look alike."""
    return text_of("report.html.j2").partition("<style>")[2].partition("</style>")[0]
