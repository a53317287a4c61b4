"""The verb that opens the planner in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gigaplan.cli.base import Set, app, verb
from gigaplan.cli.completion import plan_names
from gigaplan.cli.streams import line


@verb(app, "app", "app announced-2025-09")
def planner(
    plan: Annotated[str, Parameter(completer=plan_names)] = "announced-2025-09",
    /,
    *,
    set: Set = None,
    port: int = 0,
    browser: Annotated[bool, Parameter(negative="--no-browser", show_default=False)] = True,
    data: Path | None = None,
) -> int:
    """Open the planner in the browser: figures and charts that move while you drag. Ctrl-C ends it.

    It answers on 127.0.0.1 alone, needs no network, and takes questions only from the link that it prints.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file, shown first.
    port
        Port on this machine (default: any that is free).
    browser
        Whether the link is opened; with --no-browser it is only printed.
    data
        Folder in which jobs are kept (default: ~/.local/state/gigaplan).
    """
    from gigaplan.app.link import fragment_of
    from gigaplan.app.open import serve

    fragment = fragment_of(plan, set or [])
    serve(fragment, port, lambda link: line(f"{link}\nCtrl-C ends it.", stderr=False), browser=browser, data=data)
    return 0
