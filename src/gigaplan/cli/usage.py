"""Mistakes in a command line, reported like those of a plan: place, value, what is allowed, nearest name, remedy."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gigaplan.vocabulary.errors import Place, Problem, allowed_names
from gigaplan.vocabulary.labels import meant

if TYPE_CHECKING:
    from cyclopts import CoercionError, CycloptsError

RENAMED = {
    "--every": "--all-rows",
    "--central": "--no-parameter-uncertainty",
    "--fact": "--override",
    "--replicas": "--trials",
    "--rows": "TABLE",
    "silicon": "kernels",
}
"""Names of earlier versions, and what they are now."""


def problem(error: CycloptsError) -> Problem:
    """Return what the command line's parser found wrong."""
    from cyclopts import exceptions as kinds

    place = Place(" ".join(("gigaplan", *(error.command_chain or ()))).strip())
    help_ = f"{place.file} --help shows them all"
    if isinstance(error, kinds.UnknownCommandError):
        word = str((error.unused_tokens or [""])[0])
        known = [str(name) for name in error.app or () if not str(name).startswith("-")]
        return Problem(
            "no such verb",
            place,
            value=word,
            allowed=allowed_names(known, f"{place.file} --help"),
            nearest=_near(word, known),
            remedy=help_,
        )
    if isinstance(error, kinds.UnknownOptionError):
        word = (error.token.keyword or error.token.value).partition("=")[0]
        known = [name for argument in error.argument_collection if argument.parse for name in argument.names]
        return Problem("no such option", place, value=word, nearest=_near(word, known), remedy=help_)
    if isinstance(error, kinds.MissingArgumentError) and error.argument is not None:
        name = error.keyword or error.argument.name
        what = "a value is missing" if name.startswith("-") and error.keyword else "an argument is missing"
        return Problem(what, place, value=name, remedy=f"give {name}; {help_}")
    if isinstance(error, kinds.UnusedCliTokensError):
        words = " ".join(map(str, error.unused_tokens or ()))
        return Problem("one argument too many", place, value=words, remedy=help_)
    if isinstance(error, kinds.CoercionError) and error.token is not None and error.argument is not None:
        choices = list(error.argument.get_choices(force=True) or ())
        value = str(error.token.value)
        return Problem(
            f"not a value of {error.argument.name}",
            place,
            value=value,
            allowed=allowed_names(choices),
            nearest=_near(value, choices),
            remedy=help_,
        )
    error.verbose = False
    return Problem(" ".join(str(error).split()), place, remedy=help_)


def respelt(tokens: Sequence[str], error: CoercionError) -> list[str]:
    """Return the words of a command with the choice that one of them means in its place: ``--to CSV`` is csv.

    Parameters
    ----------
    tokens
        The words.
    error
        What the parser found wrong with one of them.
    """
    words = list(tokens)
    if error.token is None or error.argument is None:
        return words
    value, option = str(error.token.value), error.token.keyword or ""
    choice = meant(value, [str(c) for c in error.argument.get_choices(force=True) or ()], by_beginning=False)
    for k, word in enumerate(words):
        if word == f"{option}={value}" and option:
            words[k] = f"{option}={choice}"
        elif word == value and option in ("", words[k - 1]):
            words[k] = choice
    return words


def _near(word: str, known: list[str]) -> str:
    """Return the known name that is nearest to a word, by its new name if it is an old one."""
    if RENAMED.get(word) in (*known, "TABLE"):
        return RENAMED[word]
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    old = difflib.get_close_matches(word, [k for k, v in RENAMED.items() if v in known], n=1, cutoff=0.75)
    return close[0] if close else RENAMED[old[0]] if old else ""
