"""Figures of the serving model's speed, printed; run with ``python benchmarks/serving.py [ROWS.csv]``."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gigaplan import catalog
from gigaplan.inference.frontier import BATCHES, best, frontier, layouts, precision_for
from gigaplan.inference.inputs import Request
from gigaplan.inference.serving import serve
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of
from gigaplan.validation.serving.questions import read
from gigaplan.validation.serving.tables import predict

CHAT = Request(uncached_input_tokens=1024, cached_input_tokens=0, output_tokens=1024, ttft_s=2.0, tpot_s=0.05)


def median_s(work: Callable[[], object], repeats: int = 9) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[len(seconds) // 2]


def main(rows: Path | None) -> None:
    facts = catalog.load()
    efficiency, engine = efficiency_of(facts), engine_of(facts, "trtllm")
    device, model = device_of(facts, "gb200_nvl72"), model_of(facts, "deepseek_r1")
    found = layouts(device, model)
    batches = np.unique(np.round(np.geomspace(1, 32768, 2000)))
    gpus, pipeline, data = (np.array(c, dtype=float)[:, None] for c in zip(*found, strict=True))
    stage = Stage(device, model, "fp4", efficiency, engine, gpus, pipeline, data)
    points = len(found) * len(batches)
    seconds = median_s(lambda: serve(stage, batches[None, :], CHAT))
    print(f"(layout, batch) points on one core: {points / seconds:,.0f} a second   target 200,000")
    for name in ("deepseek_r1", "gpt_oss_120b", "llama_3_1_70b"):
        model = model_of(facts, name)
        args = (device, model, precision_for(device), CHAT, efficiency, engine)
        whole, one = (median_s(lambda f=f, a=args: f(*a)) for f in (frontier, best))
        print(
            f"{name} on gb200_nvl72, {len(layouts(device, model)) * len(BATCHES):,} points: whole frontier "
            f"{whole * 1e3:.1f} ms, best {one * 1e3:.1f} ms   target 500 ms"
        )
    with tempfile.TemporaryDirectory() as folder:
        table = rows or Path(
            str(catalog.catalog.data_folder().parents[1] / "validation" / "data" / "inference_serving_sample.csv")
        )
        count = len(read(table))
        seconds = median_s(lambda: predict(table, Path(folder) / "out.csv"), 3)
        print(f"predict inference on {count:,} rows: {seconds:.2f} s   target 5 s for 3,000")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
