"""The part of a link that holds what the page shows; the page writes and reads the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from gigaplan.plan.sources import builtin_name, sources_of


def fragment_of(plan: str, changes: Sequence[str] = ()) -> str:
    """Return the state of the page for a plan, as it stands in the link after the token.

    Parameters
    ----------
    plan : str
        A built-in plan's name, or a file whose text goes into the link.
    changes : sequence of str
        ``path=value`` each.

    Raises
    ------
    PlanError
        If the plan can't be read.
    """
    name = builtin_name(plan)
    first = {"name": name} if name else {"text": sources_of(plan).text}
    state = {"plan": {**first, "changes": list(changes)}}
    packed = base64.urlsafe_b64encode(json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode())
    return f"&s={packed.decode().rstrip('=')}"
