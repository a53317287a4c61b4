"""Completion in the shell: how it is installed, and which values are offered where."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from gigaplan.cli.base import WRONG, FileOrNone, Json, app, print_json
from gigaplan.cli.streams import line

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

YAML = (".yaml", ".yml")


def plan_names(context: CompletionContext) -> Iterable[str]:
    """Offer the built-in plans, and YAML files and folders that begin as typed."""
    from importlib.resources import files

    folder = files("gigaplan") / "plan" / "builtin"
    return [*sorted(p.name.removesuffix(".yaml") for p in folder.iterdir()), *_paths(context.incomplete)]


def result_folders(context: CompletionContext) -> Iterable[str]:
    """Offer saved results and folders that begin as typed."""
    return [p for p in _paths(context.incomplete) if p.endswith("/")]


def plans_or_results(context: CompletionContext) -> Iterable[str]:
    """Offer what either of the two offers."""
    return plan_names(context)


def overlay_files(context: CompletionContext) -> Iterable[str]:
    """Offer YAML files and folders that begin as typed."""
    return _paths(context.incomplete)


def quantities(context: CompletionContext) -> dict[str, str]:
    """Offer the result quantities with their meanings."""
    from gigaplan.vocabulary.variables import variables

    return {name: v.meaning for name, v in variables().items()}


def kinds(context: CompletionContext) -> dict[str, str]:
    """Offer the kinds of entity."""
    from gigaplan.catalog.search import KINDS

    return {name: meaning for name, (meaning, _) in KINDS.items()}


def fact_names(context: CompletionContext) -> Iterable[str]:
    """Offer entities, and after a dot the entity's quantities."""
    from gigaplan import catalog

    facts = catalog.load().facts
    entity, dot, _ = context.incomplete.partition(".")
    names = (f"{entity}.{f.quantity}" for f in facts if f.entity == entity) if dot else (f.entity for f in facts)
    return list(dict.fromkeys(names))


def listed(*quantities: str) -> Parameter:
    """Return a parameter that offers, after each comma, the entities which have one of some quantities."""

    def named(context: CompletionContext) -> Iterable[str]:
        from gigaplan import catalog

        before, comma, _ = context.incomplete.rpartition(",")
        facts = catalog.load()
        return [f"{before}{comma}{name}" for quantity in quantities for name in facts.entities(quantity)]

    return Parameter(completer=named)


def _paths(begun: str) -> list[str]:
    """Return YAML files and folders whose path begins as typed; folders end with a slash."""
    above = begun.rpartition("/")[0] + "/" if "/" in begun else ""
    try:
        there = sorted(Path(above or ".").iterdir())
    except OSError:
        return []
    hidden = begun.rpartition("/")[2].startswith(".")
    shown = [p for p in there if hidden or not p.name.startswith(".")]
    return [f"{above}{p.name}{'/' if p.is_dir() else ''}" for p in shown if p.is_dir() or p.suffix in YAML]


Plan = Annotated[str, Parameter(completer=plan_names)]
PlanOrResult = Annotated[str, Parameter(completer=plans_or_results)]
ResultFolder = Annotated[Path, Parameter(completer=result_folders)]


@app.command(name="--install-completion")
def install_completion(
    *,
    shell: Literal["bash", "zsh", "fish", "powershell"] | None = None,
    out: FileOrNone = None,
    startup: bool = True,
    json: Json = False,
) -> int:
    """Install completion of verbs, options and names in your shell; it works from the next shell on.

    Parameters
    ----------
    shell
        The shell (default: the current one).
    out
        File for the script (default: where the shell looks for it, below your home).
    startup
        Add the line that loads it to .bashrc, .zshrc or the PowerShell profile (fish needs none).
    """
    from cyclopts.completion.detect import ShellDetectionError, detect_shell

    from gigaplan.vocabulary.errors import MachineError

    try:
        shell = shell or detect_shell()
        where = app.install_completion(shell=shell, output=out, add_to_startup=startup)
    except ShellDetectionError:
        line("gigaplan: the current shell is not known; name it with --shell bash, zsh or fish", stderr=True)
        return WRONG
    except OSError as error:
        raise MachineError(f"cannot install completion: {error.strerror or error}; give a file with --out") from None
    if json:
        return print_json(where)
    line(f"installed for {shell} in {where}; start a new shell to use it")
    return 0
