"""How far an answer is to be trusted, in one word and, where that is not ``inside``, the reasons."""

from __future__ import annotations

from collections.abc import Sequence

INSIDE, EXTRAPOLATED, UNSUPPORTED = "inside", "extrapolated", "unsupported"
"""Constants were fitted on such hardware and models; they were not; no answer."""


def validity(reasons: Sequence[str]) -> str:
    """Return ``inside`` where nothing speaks against the constants, else ``extrapolated`` with all reasons."""
    return f"{EXTRAPOLATED}: {'; '.join(reasons)}" if reasons else INSIDE


def unsupported(reason: str) -> str:
    """Return the validity of a question without an answer."""
    return f"{UNSUPPORTED}: {reason}"


def is_supported(text: str) -> bool:
    """Return whether a validity belongs to an answer."""
    return not text.startswith(UNSUPPORTED)
