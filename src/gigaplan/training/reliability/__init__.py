"""What failures leave of a synchronous run, in closed form: goodput, the best interval between checkpoints, spares.

- :mod:`.hazards`: what can stop a run, how often, and what each stop costs.
- :mod:`.checkpoints`: the share of time that makes progress between failures, and the best interval (Young, Daly).
- :mod:`.spares`: units in repair, waits for want of spares, the best number of spares (Erlang, Panjer).
- :mod:`.closed_form`: expected goodput with all causes together.
- :mod:`.at_scale`: the same for arrays of members, months and numbers of GPUs, with rates that fall with maturity.

The same hazards go through every failure one by one in :mod:`gigaplan.training.failures`; a test compares the two.
"""

from gigaplan.training.reliability.at_scale import (
    failures_per_gpu_day,
    rate_ratio,
    share_with_groups,
    share_with_restarts,
    straggler_share,
)
from gigaplan.training.reliability.checkpoints import (
    best_interval_s,
    daly_2006,
    renewal_share,
    restarted_share,
    young_1974,
)
from gigaplan.training.reliability.closed_form import Goodput, expected_share, goodput, mean_speed_share
from gigaplan.training.reliability.hazards import (
    SECONDS_PER_DAY,
    SERVER_GPUS,
    Hazards,
    Recovery,
    failures_per_s,
    hazards,
    mean_time_to_failure_s,
)
from gigaplan.training.reliability.spares import best_spares, enough_share, in_repair, waiting_share

__all__ = [
    "SECONDS_PER_DAY",
    "SERVER_GPUS",
    "Goodput",
    "Hazards",
    "Recovery",
    "best_interval_s",
    "best_spares",
    "daly_2006",
    "enough_share",
    "expected_share",
    "failures_per_gpu_day",
    "failures_per_s",
    "goodput",
    "hazards",
    "in_repair",
    "mean_speed_share",
    "mean_time_to_failure_s",
    "rate_ratio",
    "renewal_share",
    "restarted_share",
    "share_with_groups",
    "share_with_restarts",
    "straggler_share",
    "waiting_share",
    "young_1974",
]
