"""The question that a row of a training table puts to the training model.

The columns are those of ``training_step.csv``, ``training_vtrain_measured_a100.csv``, ``training_mlperf.csv`` and
``training_simumax_b200_measured.csv``. Users' rows are read by :mod:`gigaplan.validation.training.own_rows`, strictly;
rows of published tables by their loader, :mod:`gigaplan.validation.training.published_rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gigaplan.accuracy import training as accuracy
from gigaplan.validation.training.sources import fitted_source


@dataclass(frozen=True, slots=True)
class Question:
    """The question that a row puts to the training model; ``tokens`` are those of one step."""

    system: str
    model: str
    precision: str
    software: str
    years_behind: float
    launched_by_host: float
    block_scaled: float
    sequence: int
    sequences: float
    gpus: int
    tensor: int
    pipeline: int
    data: int
    context: int
    expert: int
    chunks: int
    micro_batch: int
    recompute: float
    """1 where whole layers are computed again, 0.5 where what is cheap is."""
    fully_sharded: bool
    guesses: tuple[str, ...] = ()
    """What a published table leaves open, and what is taken for it: reasons against the answer."""
    odd_vocabulary: float = 0.0
    unfused_experts: float = 0.0
    copy_per_expert: float = 0.0
    """1 where a token is sent once for each chosen expert, 0 where once for each rank."""
    every_token: float = 0.0
    """1 where every rank gathers all tokens."""
    expert_overlap: float = -1.0
    """1 or 0 where the row or its recipe states whether the exchange overlaps; below 0 as the layout allows."""
    dense_graphs: float = 0.0
    wide_layers: float = 0.0
    """Layers whose products stay in BF16."""
    narrow_attention: float = 0.0
    frozen: float = 0.0
    """1 where adapters are trained on frozen weights."""
    assumed: tuple[str, ...] = ()
    """Defaults of a user's empty cells."""
    ran: bool = True
    """Whether the run was measured, so that its layout holds the model whatever our count of memory says."""
    by_user: bool = False
    """Whether it is a row of a user's own table."""

    @property
    def tokens(self) -> float:
        """Tokens of one step."""
        return self.sequence * self.sequences

    @property
    def micro_batches(self) -> float:
        """Micro-batches that one data rank works through in a step."""
        return self.sequences / (self.data * self.micro_batch)


def sets_constants(row: Mapping[str, str], q: Question) -> bool:
    """Return whether a row sets constants: its table may, its architecture is no stand-in for another, all its weights
    are trained and its micro-batch is stated.

    Parameters
    ----------
    row
        A row of the table, by column.
    q
        The question of the row.
    """
    whole = not q.frozen and bool(row.get("micro_batch")) and bool(row.get("dp"))
    return fitted_source(row) and whole and not accuracy.is_stand_in(q.model)
