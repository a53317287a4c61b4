"""What all pages share: templates and the style sheet."""

from __future__ import annotations

import contextlib
import sys
from base64 import b64decode, b64encode
from functools import cache
from importlib.resources import files

from jinja2 import BytecodeCache, Environment, FunctionLoader, StrictUndefined, Template
from jinja2 import __version__ as jinja_version
from jinja2.bccache import Bucket

from gigaplan.vocabulary.files.stored import key_of, shelf


class StoredCode(BytecodeCache):
    """Compiled templates, stored between runs as text among what long searches found, by what they follow from."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give a template its code, if it is stored and its own."""
        found = shelf("templates", ("report",)).find(_key(bucket))
        if isinstance(found, str):
            with contextlib.suppress(ValueError):  # what isn't code as it is stored is compiled anew
                bucket.bytecode_from_string(b64decode(found))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Store a template's code."""
        stored = shelf("templates", ("report",))
        stored.store(_key(bucket), b64encode(bucket.bytecode_to_string()).decode())
        stored.keep()


def _key(bucket: Bucket) -> str:
    return key_of(bucket.key, bucket.checksum, jinja_version, sys.version)


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
        bytecode_cache=StoredCode(),
    )
    return environment.get_template(name)


@cache
def style_sheet() -> str:
    """Return the report's style sheet, which every page uses so that pages look alike."""
    return text_of("report.html.j2").partition("<style>")[2].partition("</style>")[0]
