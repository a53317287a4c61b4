"""What model a budget of compute is best spent on: parameters and tokens by a scaling law.

``L(N, D) = E + A N^-alpha + B D^-beta`` (Hoffmann et al. 2022, arXiv:2203.15556), with ``C = 6 N D`` (Kaplan et al. 2020),
is least at ``N = G (C / 6)^(beta / (alpha + beta))``, ``D = C / (6 N)``, ``G = (alpha A / (beta B))^(1 / (alpha + beta))``.
Laws disagree: their constants come from models below 16 billion parameters, so a size here is a range, not a forecast. Labs
train smaller models on more tokens than this, because a smaller model is cheaper to serve; parameters are those of a dense model,
or the active ones of a model with experts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.units import Unit

FLOP_PER_PARAMETER_AND_TOKEN = 6.0
"""Forward and backward: two and four for each weight (Kaplan et al. 2020)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingLaw:
    """Constants of one fit: facts of the catalog's entities ``scaling_law`` (Besiroglu et al. 2024) and ``scaling_law_hoffmann``."""

    loss_floor: Annotated[float, Ge(0), Unit("1")]
    """E [nat/token]."""
    parameter_scale: Annotated[float, Gt(0), Unit("1")]
    """A."""
    token_scale: Annotated[float, Gt(0), Unit("1")]
    """B."""
    parameter_exponent: Annotated[float, Gt(0), Unit("1")]
    """alpha."""
    token_exponent: Annotated[float, Gt(0), Unit("1")]
    """beta."""

    def loss(self, parameters: Array | float, tokens: Array | float) -> Array:
        """Return the loss of a model of so many parameters and tokens [nat/token]."""
        n, d = np.asarray(parameters, dtype=float), np.asarray(tokens, dtype=float)
        return np.asarray(
            self.loss_floor
            + self.parameter_scale * n**-self.parameter_exponent
            + self.token_scale * d**-self.token_exponent
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingLaws:
    """The laws that a size is told by: a ratio, and two fits of the loss that bound it."""

    tokens_per_parameter: Annotated[float, Gt(0), Unit("1")]
    """Central: Hoffmann et al.'s first two approaches."""
    corrected: ScalingLaw
    """Their third approach as Besiroglu et al. (2024) corrected it."""
    published: ScalingLaw
    """The same as published."""


def optimal_parameters(flop: Array | float, law: ScalingLaw) -> Array:
    """Return the parameters with the least loss for some compute [FLOP]; 0 where there is none."""
    alpha, beta = law.parameter_exponent, law.token_exponent
    g = (alpha * law.parameter_scale / (beta * law.token_scale)) ** (1 / (alpha + beta))
    return np.asarray(g * (np.asarray(flop, dtype=float) / FLOP_PER_PARAMETER_AND_TOKEN) ** (beta / (alpha + beta)))


def optimal_tokens(flop: Array | float, law: ScalingLaw) -> Array:
    """Return the tokens with the least loss for some compute [FLOP]; 0 where there is none."""
    alpha, beta = law.parameter_exponent, law.token_exponent
    g = (alpha * law.parameter_scale / (beta * law.token_scale)) ** (1 / (alpha + beta))
    return np.asarray((np.asarray(flop, dtype=float) / FLOP_PER_PARAMETER_AND_TOKEN) ** (alpha / (alpha + beta)) / g)


def parameters_in_range(flop: Array | float, laws: ScalingLaws) -> Array:
    """Return the parameters of a compute-optimal model: low, central and high, first axis."""
    central = np.sqrt(np.asarray(flop, dtype=float) / (FLOP_PER_PARAMETER_AND_TOKEN * laws.tokens_per_parameter))
    return _bounds(central, *(optimal_parameters(flop, law) for law in (laws.corrected, laws.published)))


def tokens_in_range(flop: Array | float, laws: ScalingLaws) -> Array:
    """Return the tokens of a compute-optimal model: low, central and high, first axis."""
    central = np.sqrt(np.asarray(flop, dtype=float) * laws.tokens_per_parameter / FLOP_PER_PARAMETER_AND_TOKEN)
    return _bounds(central, *(optimal_tokens(flop, law) for law in (laws.corrected, laws.published)))


def _bounds(central: Array, *others: Array) -> Array:
    every = np.stack([central, *others])
    return np.stack([every.min(axis=0), central, every.max(axis=0)])
