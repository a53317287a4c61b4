"""Accuracy of the training model: the interval of a step's time, and on what its constants were fitted.

Intervals are 80 % of the errors of rows that were each predicted by constants fitted without their own configuration;
on what nobody has measured also of errors with constants that never saw the row's GPU generation (docs/accuracy.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from gigaplan import catalog
from gigaplan.accuracy import residuals
from gigaplan.accuracy.validity import validity as validity_of
from gigaplan.vocabulary.interval import Interval

RESIDUALS, ROWS, MODELS = "training_residuals", "training_rows", "training_models"
BOARDS = "training_boards"
STEP_NEW_BOARD = "step_time_over_predicted_new_board"
STEP, STEP_NEW_GENERATION = "step_time_over_predicted", "step_time_over_predicted_new_generation"
EXTRAPOLATED = 1.5
"""How much wider, in logarithms, an interval is at least on what nobody has measured."""
SERVER_GPUS = 8
"""GPUs of one server, inside which no network is crossed."""
PLAIN_GPT = "gpt"
"""Family of GPTs of a stated shape without a name of their own."""
CLASSIC_GENERATION = "ampere"
"""The one generation with measured rows of software of 2022, all of them plain GPTs."""
STAND_INS = ("nemotron_3", "deepseek_v4", "qwen3_next", "qwen3_5", "kimi_linear")
"""Models whose mixing layers (states between attention, sparse attention) the step model takes for others of their
size; their rows test and set nothing."""


def kind(*, modern: bool, experts: bool, gpus: int) -> str:
    """Return the key of residuals for one kind of run.

    Parameters
    ----------
    modern
        Whether the software is of 2023 or later (flash attention, Megatron-Core).
    experts
        Whether the model is a mixture of experts.
    gpus
        GPUs of the run; software of 2022 errs differently inside one server.
    """
    if not modern:
        return "classic_one_node" if gpus <= SERVER_GPUS else "classic_several_nodes"
    return "experts" if experts else "dense"


def is_stand_in(model: str) -> bool:
    """Return whether a model is answered by an architecture that only resembles it."""
    return model.startswith(STAND_INS)


def interval(*, kind: str, extrapolated: bool) -> Interval:
    """Return the 80 % interval of measured over predicted step times.

    Parameters
    ----------
    kind
        Key of residuals, from :func:`kind`.
    extrapolated
        Whether nobody has measured such hardware, precision or models.

    Raises
    ------
    UnknownKindError
        If there are no residuals of such a kind.
    """
    residuals.check_key("training kind", kind, [".".join(k) for k in residuals.keys(RESIDUALS)])
    entity = f"{RESIDUALS}.{kind}"
    inside = residuals.interval(entity, STEP)
    if not extrapolated:
        return inside
    wide = inside.widened(EXTRAPOLATED)
    for quantity in (STEP_NEW_BOARD, STEP_NEW_GENERATION):
        if catalog.load().has(entity, quantity):
            new = residuals.interval(entity, quantity)
            wide = Interval(min(wide.low, new.low), max(wide.high, new.high))
    return wide


@cache
def measured() -> frozenset[tuple[str, ...]]:
    """Return the (generation, precision, kind) of rows that the constants were fitted on."""
    return frozenset(residuals.keys(ROWS))


@cache
def measured_boards() -> frozenset[str]:
    """Return the systems whose rows the constants were fitted on."""
    return frozenset(board for (board,) in residuals.keys(BOARDS))


@cache
def measured_families() -> frozenset[str]:
    """Return the model families whose rows the constants were fitted on, plain GPTs left out."""
    return frozenset(family for (family,) in residuals.keys(MODELS))


def validity(
    *,
    generation: str,
    precision: str,
    kind: str,
    family: str,
    modern: bool,
    board: str = "",
    guesses: Sequence[str] = (),
) -> str:
    """Return ``inside`` where constants were fitted on such hardware and models, else ``extrapolated`` with the
    reasons.

    Parameters
    ----------
    generation
        Hardware generation of the system (:func:`gigaplan.catalog.names.generation`).
    precision
        What matrix products are computed in: ``bf16``, ``fp8`` or ``fp4``.
    kind
        Key of residuals, from :func:`kind`.
    family
        The model's name in the catalog, or ``gpt`` for a plain GPT of a stated shape.
    modern
        Whether the software is of 2023 or later.
    board
        The system, whose power limit, memory and networks differ from others of its generation; "" where it counts for
        nothing.
    guesses
        What the question left open and was guessed.
    """
    plain = family == PLAIN_GPT
    reasons = []
    if generation not in {g for g, _, _ in measured()}:
        reasons.append(f"no measured row of {generation} hardware")
    elif (generation, precision, kind) not in measured():
        reasons.append(f"no measured row of {generation} hardware in {precision} with such a model")
    elif board and measured_boards() and board.partition("@")[0] not in measured_boards():
        reasons.append(f"no measured row of {board.partition('@')[0]}, another board of its generation")
    if not plain and family not in measured_families():
        reasons.append(f"no measured row of {family}")
    if plain and (generation != CLASSIC_GENERATION or modern):
        reasons.append("plain GPT measured on A100 with software of 2022 only")
    if is_stand_in(family):
        reasons.append("its mixing layers are taken for others of their size")
    return validity_of([*reasons, *guesses])
