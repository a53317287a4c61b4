"""Bases: what a number is *of*. Most public disagreements about this subject are basis mistakes.

A :class:`Based` number knows its basis; arithmetic across unlike bases raises :class:`BasisError`
unless a sourced :class:`Conversion` is given.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from gigaplan.vocabulary.errors import BasisError, nearest_name
from gigaplan.vocabulary.units import example, of_size, parse_quantity

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


class PowerBasis(StrEnum):
    """Whose watts: the GPU's limit, the rack's rating or peak, all IT, or the whole facility."""

    GPU_TGP = "gpu_tgp"
    RACK_TDP = "rack_tdp"
    RACK_PEAK = "rack_peak"
    IT = "it"
    FACILITY = "facility"


class TokenBasis(StrEnum):
    """Which tokens: made by the model, read and made, or charged for."""

    GENERATED = "generated"
    PROCESSED = "processed"
    BILLED = "billed"


class PriceBasis(StrEnum):
    """Which price: total cost of ownership, contract, list or spot."""

    TCO = "tco"
    CONTRACT = "contract"
    LIST = "list"
    SPOT = "spot"


class Scope(StrEnum):
    """One of what: a die, a package, a rack (or 8-GPU node) or a site."""

    DIE = "die"
    PACKAGE = "package"
    RACK = "rack"
    SITE = "site"


class Profile(StrEnum):
    """The vendor's power profile: efficiency (Max-Q) or performance (Max-P)."""

    MAX_Q = "max_q"
    MAX_P = "max_p"


PRECISIONS = ("fp4", "fp8", "fp16", "bf16", "fp32")
FLOPS_BASES = tuple(f"{p}_{s}" for p in PRECISIONS for s in ("dense", "sparse"))


@dataclass(frozen=True, slots=True)
class Conversion:
    """A sourced ratio from one basis to another: ``target = factor * source``."""

    source: StrEnum
    target: StrEnum
    factor: float
    because: str


@dataclass(frozen=True, slots=True)
class Based:
    """A number in a unit on a basis, such as 10,000 MW of IT power."""

    value: float
    unit: str
    basis: StrEnum

    def __add__(self, other: Based) -> Based:
        self._like(other, "add")
        return Based(self.value + other.value, self.unit, self.basis)

    def __sub__(self, other: Based) -> Based:
        self._like(other, "subtract")
        return Based(self.value - other.value, self.unit, self.basis)

    def __mul__(self, number: float) -> Based:
        return Based(self.value * number, self.unit, self.basis)

    __rmul__ = __mul__

    def __truediv__(self, other: Based) -> float:
        self._like(other, "divide")
        return self.value / other.value

    def __lt__(self, other: Based) -> bool:
        self._like(other, "compare")
        return self.value < other.value

    def to(self, basis: StrEnum, *conversions: Conversion) -> Based:
        """Return this number on another basis, by the sourced conversions given (either direction).

        Raises
        ------
        BasisError
            If no chain of the given conversions leads from this basis to the other.
        """
        frontier = {self.basis: self.value}
        while basis not in frontier:
            steps = {c.target: frontier[c.source] * c.factor for c in conversions if c.source in frontier}
            steps |= {c.source: frontier[c.target] / c.factor for c in conversions if c.target in frontier}
            fresh = {b: v for b, v in steps.items() if b not in frontier}
            if not fresh:
                raise BasisError(f"no sourced conversion from '{self.basis}' to '{basis}' was given")
            frontier |= fresh
        return Based(frontier[basis], self.unit, basis)

    def _like(self, other: Based, verb: str) -> None:
        if self.unit != other.unit or self.basis != other.basis:
            raise BasisError(
                f"cannot {verb} {self.value:g} {self.unit} ({self.basis}) and {other.value:g} {other.unit} "
                f"({other.basis}): convert one with a sourced ratio first"
            )

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit} ({self.basis})"


class OnBasis:
    """Marker of a field that needs a quantity *and* its basis, such as ``1.2 GW it``."""

    __slots__ = ("bases", "symbol")

    def __init__(self, symbol: str, bases: type[StrEnum]) -> None:
        self.symbol = symbol
        self.bases = bases

    def parse(self, value: object) -> Based:
        """Return a :class:`Based` from text such as ``1.2 GW it``; ValueError says what is missing."""
        if isinstance(value, Based):
            return value
        allowed = ", ".join(b.value for b in self.bases)
        names = [b.value for b in self.bases]
        sample = f"'{example(self.symbol)} {'it' if 'it' in names else names[0]}'"
        if not isinstance(value, str):
            raise ValueError(f"unit and basis are missing; write for example {sample} (bases: {allowed})")
        match = re.fullmatch(r"(.*?)[\s,(]+([a-z_]+)\)?", value.strip())
        if not match or (match[2] not in names and not nearest_name(match[2], names)):
            raise ValueError(f"the basis is missing; write for example {sample} (bases: {allowed})")
        if match[2] not in names:
            raise ValueError(
                f"'{match[2]}' is not a basis; nearest is '{nearest_name(match[2], names)}' (bases: {allowed})"
            )
        number = of_size(parse_quantity(match[1], self.symbol), self.symbol)
        if not math.isfinite(number) or number < 0:
            raise ValueError("must be zero or more")
        return Based(number, self.symbol, self.bases(match[2]))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic call :meth:`parse` (called by pydantic only)."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe a quantity with its basis (called by pydantic only)."""
        names = [basis.value for basis in self.bases]
        pattern = rf"[\s,(]({'|'.join(names)})\)?$"
        examples = [f"{example(self.symbol)} {'it' if 'it' in names else names[0]}"]
        return {"type": "string", "pattern": pattern, "examples": examples, "x-unit": self.symbol, "x-bases": names}
