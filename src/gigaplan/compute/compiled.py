"""How numba compiles functions: with what Python calls, and parts of it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


LEAN: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
"""Options of functions that make no arrays: references to those that they are given aren't counted."""


def compiled(function: F, *, lean: bool = False) -> F:
    """Compile a function that Python calls; the machine code is cached on disk where some folder can be written.

    Parameters
    ----------
    function : callable
        Function in numba's subset of Python.
    lean : bool
        Whether it makes no arrays, and calls none that does; counting references would take a third of its time.

    Returns
    -------
    callable
        The same, compiled at its first call for each combination of argument types.
    """
    options: dict[str, Any] = LEAN if lean else {"error_model": "numpy"}
    try:
        return cast(F, njit(cache=True, **options)(function))
    except RuntimeError:  # there is no folder that can be written
        return cast(F, njit(**options)(function))


def part(function: F) -> F:
    """Compile a function into those that call it; its code is cached on disk with theirs, not by itself.

    It is inlined, so that the fields of records stay in registers over a loop of events: a tenth of the time.

    Parameters
    ----------
    function : callable
        Function in numba's subset of Python.

    Returns
    -------
    callable
        The same, compiled with its caller.
    """
    return cast(F, njit(error_model="numpy", forceinline=True)(function))


def lean_part(function: F) -> F:
    """Compile a function that makes no arrays into those that call it; see :func:`part`.

    Parameters
    ----------
    function : callable
        Function in numba's subset of Python.

    Returns
    -------
    callable
        The same, compiled with its caller.
    """
    return cast(F, njit(forceinline=True, **LEAN)(function))


def version_of(folder: Path) -> int:
    """Return a number that changes with any module of a folder.

    numba looks at one module alone when it asks whether machine code on disk is still right. A function whose closure
    holds this number is compiled anew when one of the others changes.

    Parameters
    ----------
    folder : Path
        Where the modules are.

    Returns
    -------
    int
        A number above zero.
    """
    return 1 + zlib.crc32(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py"))))
