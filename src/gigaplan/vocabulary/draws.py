"""What members drew of the uncertain inputs: one value per input and member, and what each input is known by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.sampling import Sampler, Spread, middle
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
    """

    name: str
    paths: tuple[str, ...]
    evidence: Evidence
    group: str = ""
    follows: str = ""
    correlation: float = 0.0


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
        yield from (("input", self.name), ("central", self.values[0]), ("evidence", str(self.evidence)))
        yield from (("lowest", self.values.min()), ("highest", self.values.max()), ("members", len(self.values)))

    def brief_line(self) -> str:
        """Return the input with the range of its draws."""
        return f"{self.name}: {self.values.min():.4g} to {self.values.max():.4g}, {self.evidence}"


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
        known = self.found.get(name)
        if known:
            paths = tuple(dict.fromkeys((*known.paths, path)))
            self.found[name] = replace(known, paths=paths)
        else:
            follows, correlation = lead or ("", 0.0)
            self.found[name] = Draw(
                name=name,
                values=values,
                paths=(path,),
                evidence=evidence,
                group=spread.group,
                follows=follows,
                correlation=correlation,
            )
        return values

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
