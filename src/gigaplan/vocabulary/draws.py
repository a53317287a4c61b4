"""What members drew of the uncertain inputs: one value per input and member, and what each input is known by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.sampling import Choice, Sampler, Spread, middle
from gigaplan.vocabulary.show import Brief, BriefRows


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DrawnInput(Brief):
    """One uncertain input of a run.

    Attributes
    ----------
    name : str
        A fact's id, the plan's path, or what a model's own error is of.
    paths : tuple of str
        The inputs that took it, by their paths in the ledger.
    evidence : Evidence
        How its central value is known.
    group : str
        Inputs of one group share their draw; empty for one that has its own.
    follows : str
        The input that it is correlated with; empty where it is independent.
    correlation : float
        The correlation of their normal scores, -1 to 1.
    options : tuple of str
        What a choice is among; empty for a number.
    together : str
        What inputs that the plan correlates are called together; empty for one that is independent of all others.
    """

    name: str
    paths: tuple[str, ...]
    evidence: Evidence
    group: str = ""
    follows: str = ""
    correlation: float = 0.0
    options: tuple[str, ...] = ()
    together: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Draw(DrawnInput):
    """What members drew of an uncertain input.

    Attributes
    ----------
    values : Array, shape (member,)
        In the input's unit, the central member first: of a date its delay in days, of a choice the number of the
        option, of what several errors have in common its quantile of 0 to 1.
    """

    values: Array = field(compare=False)

    def brief_rows(self) -> BriefRows:
        """Return the central value, the range of the draws, and how the input is known."""
        if self.options:
            counts = np.bincount(self.values.astype(np.int64), minlength=len(self.options))
            shown = ", ".join(f"{n:,} of {name}" for n, name in zip(counts, self.options, strict=True))
            yield from (("input", self.name), ("members", shown), ("evidence", str(self.evidence)))
            return
        yield from (("input", self.name), ("central", self.values[0]), ("evidence", str(self.evidence)))
        yield from (("lowest", self.values.min()), ("highest", self.values.max()), ("members", len(self.values)))

    def brief_line(self) -> str:
        """Return the input with the range of its draws."""
        if self.options:
            return f"{self.name}: {', '.join(self.options)}, {self.evidence}"
        return f"{self.name}: {self.values.min():.4g} to {self.values.max():.4g}, {self.evidence}"


@dataclass(frozen=True, slots=True)
class Picks:
    """Which option of a choice each member has.

    Attributes
    ----------
    options : tuple of str
        The options.
    numbers : array of int, shape (member,)
        The option of each member by its number; that of the central member is the likeliest.
    """

    options: tuple[str, ...]
    numbers: NDArray[np.int64]


@dataclass(slots=True)
class Draws:
    """Draws by name, noted as they are made."""

    sampler: Sampler
    found: dict[str, Draw] = field(default_factory=dict)

    def draw(
        self, name: str, spread: Spread, path: str, evidence: Evidence, lead: tuple[str, float] | None = None
    ) -> Array:
        """Return the values of an input by member, and note them.

        Parameters
        ----------
        name : str
            The input.
        spread : Spread
            What is known of it.
        path : str
            Path in the ledger of what takes it.
        evidence : Evidence
            How its central value is known.
        lead : tuple of str and float, optional
            What it follows, as :meth:`Sampler.draw` takes it.

        Returns
        -------
        Array
            Shape (member,).
        """
        values = self.sampler.draw(name, spread, lead)
        before = self.found[name].paths if name in self.found else ()
        follows, correlation = lead or ("", 0.0)
        self.found[name] = Draw(
            name=name,
            values=values,
            paths=tuple(dict.fromkeys((*before, path))),
            evidence=evidence,
            group=spread.group,
            follows=follows,
            correlation=correlation,
            together=self._together(spread.group or name),
        )
        return values

    def pick(self, name: str, choice: Choice, path: str, evidence: Evidence) -> Picks:
        """Return the option of a choice that each member has, and note it.

        Parameters
        ----------
        name : str
            The input.
        choice : Choice
            The options and their weights.
        path : str
            Path in the ledger of what takes it.
        evidence : Evidence
            How the choice is known.
        """
        picked = self.sampler.pick(name, choice)
        self.found[name] = Draw(
            name=name,
            values=picked.astype(float),
            paths=(path,),
            evidence=evidence,
            group=choice.group,
            options=choice.options,
            together=self._together(choice.group or name),
        )
        return Picks(choice.options, picked)

    def _together(self, source: str) -> str:
        """Return what a source of draws and those that are correlated with it are called."""
        cluster = self.sampler.correlated.get(source)
        return " with ".join(cluster.names) if cluster else ""

    def all(self) -> tuple[Draw, ...]:
        """Return the draws of all inputs, and of what several have in common without being an input of its own."""
        common: dict[str, Draw] = {}
        for one in self.found.values():
            if one.follows and one.follows not in self.found:
                known = common.get(one.follows)
                paths = (*known.paths, *one.paths) if known else one.paths
                values = middle(self.sampler.unit(one.follows))
                common[one.follows] = Draw(name=one.follows, values=values, paths=paths, evidence=one.evidence)
        return (*self.found.values(), *common.values())
