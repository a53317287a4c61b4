"""Figures of the training model's speed, printed; run with ``python benchmarks/training.py``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields

import numpy as np

from gigaplan import catalog
from gigaplan.plan.resolve import device_of, model_of, training_efficiency_of
from gigaplan.training.inputs import Batch
from gigaplan.training.layout import Layouts
from gigaplan.training.search import LAYOUTS_PER_CALL, layouts, search
from gigaplan.training.step import step


def best_s(work: Callable[[], object], repeats: int = 9) -> float:
    """Return the shortest of some runs [s of this process]: what the machine does beside doesn't count."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main() -> None:
    facts = catalog.load()
    efficiency = training_efficiency_of(facts)
    for name, system, gpus, precision, target in (
        ("llama_3_1_405b", "h100_hgx", 16384, "bf16", 2.0),
        ("deepseek_v3", "h100_hgx", 2048, "fp8", None),
        ("deepseek_v3", "gb200_nvl72", 16384, "fp8", None),
    ):
        device, model = device_of(facts, system), model_of(facts, name)
        batch = Batch(global_batch_tokens=2048 * 8192.0, sequence_tokens=8192, precision=precision)
        grid = layouts(device, model, batch, gpus)
        many = Layouts(*(np.resize(getattr(grid, f.name), LAYOUTS_PER_CALL) for f in fields(Layouts)))
        seconds = best_s(lambda d=device, m=model, b=batch, g=many: step(d, m, b, g, efficiency))
        whole = best_s(lambda d=device, m=model, b=batch, n=gpus: search(d, m, b, layouts(d, m, b, n), efficiency), 3)
        aim = f"   target {target:g} s" if target else ""
        print(
            f"{name} on {gpus:,} GPUs of {system}: {LAYOUTS_PER_CALL / seconds:,.0f} steps with memory a second "
            "on one core   target 200,000"
        )
        print(
            f"  full search of {grid.tensor.size:,} layouts: {whole:.3f} s, {grid.tensor.size / whole:,.0f} "
            f"layouts a second{aim}"
        )


if __name__ == "__main__":
    main()
