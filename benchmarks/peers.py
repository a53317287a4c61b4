"""The same serving questions to gigaplan and to aiconfigurator, side by side; run with ``make bench-peers``.

aiconfigurator (NVIDIA, Apache-2.0) interpolates measured kernels; it runs from its own environment, whose program is
the argument. Questions are rows of the sample table that both can answer; the published value is shown next to both.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from gigaplan.validation.serving.predictions import answer_all
from gigaplan.validation.serving.questions import read_questions

PATHS = {
    "qwen3_32b": "Qwen/Qwen3-32B",
    "deepseek_r1": "deepseek-ai/DeepSeek-R1",
    "minimax_m2_5": "MiniMaxAI/MiniMax-M2.5",
}
PRECISIONS = {"qwen3_32b": "bf16", "deepseek_r1": "fp8", "minimax_m2_5": "fp8"}
"""What the published checkpoint is in, so that both answer the same question."""
MOST = 8


def ask(program: Path, row: dict[str, str], path: str, gpus: int) -> tuple[float, float]:
    """Return aiconfigurator's TTFT and TPOT [ms]; nan where it has no answer."""
    args = [
        "cli",
        "estimate",
        "--model-path",
        path,
        "--system",
        row["gpu"],
        "--backend",
        row["engine"],
        "--tp-size",
        str(gpus),
        "--isl",
        row["isl"],
        "--osl",
        row["osl"],
        "--batch-size",
        str(int(float(row["concurrency"]))),
        "--no-color",
    ]
    if "Qwen3-32B" not in path:
        args += ["--moe-tp-size", str(gpus), "--moe-ep-size", "1"]
    done = subprocess.run([str(program), *args], capture_output=True, text=True, check=False)
    found = [re.search(rf"{name}:\s+([\d.]+) ms", done.stdout) for name in ("TTFT", "TPOT")]
    nan = float("nan")
    return tuple(float(m[1]) if m else nan for m in found)  # type: ignore[return-value]


def main(program: Path) -> None:
    asked = [
        a
        for a in read_questions()
        if a.question
        and a.question.prefill is None
        and PRECISIONS.get(a.question.model) == a.question.precision
        and not a.question.decode.by_requests
    ]
    asked = asked[:: max(len(asked) // MOST, 1)][:MOST]
    start = time.perf_counter()
    predicted = answer_all(asked, out_of_sample=True)
    mine = (time.perf_counter() - start) / max(len(asked), 1)
    print(f"{'row':<34}{'TPOT':>8}{'ours':>8}{'peer':>8}   {'TTFT':>8}{'ours':>8}{'peer':>8}   [ms]")
    theirs = 0.0
    for a, f in zip(asked, predicted, strict=True):
        assert a.question is not None
        start = time.perf_counter()
        ttft, tpot = ask(program, dict(a.row), PATHS[a.question.model], a.question.decode.gpus)
        theirs += (time.perf_counter() - start) / len(asked)
        name = f"{a.row['gpu']} {a.question.model} {a.row['engine']} {int(a.question.concurrency)}"
        print(f"{name:<34}{a.tpot_ms:8.2f}{f.tpot_ms:8.2f}{tpot:8.2f}   {a.ttft_ms:8.0f}{f.ttft_ms:8.0f}{ttft:8.0f}")
    print(
        f"\na question: ours {mine * 1e3:.1f} ms, in one process; peer {theirs:.1f} s, a process each: "
        f"{theirs / mine:,.0f} times"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
