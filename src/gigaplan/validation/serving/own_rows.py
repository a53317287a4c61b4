"""The reader of users' serving rows: what a row says is computed, or the row is refused.

A co-located replica is ``tp`` GPUs of each of ``pp`` stages. ``dp`` copies of a dense model are replicas that share
its users out; of a model with experts they are groups with attention of their own over the experts of all (DP
attention). Labels (``id``, ``source``, ``url``, ``date``, ``notes``) are never read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gigaplan.inference.inputs import WARMED
from gigaplan.inference.options import ENGINES
from gigaplan.measurements.cells import PRECISIONS, Cells
from gigaplan.plan.resolver import meant_in_table
from gigaplan.validation.serving.answers import drafts_for
from gigaplan.validation.serving.constants import shipped
from gigaplan.validation.serving.fits import refuse_misfits, shortage
from gigaplan.validation.serving.rows import Question, Worker, known, usual_drafts
from gigaplan.vocabulary.errors import UnsupportedError

ENGINE_WORDS = {**{e: e for e in ENGINES}, "tensorrtllm": "trtllm"}
"""Serving engines as tables write them."""
MODES = {
    **dict.fromkeys(("agg", "aggregated", "colocated"), "agg"),
    **dict.fromkeys(("disagg", "disaggregated"), "disagg"),
}
"""Ways of serving as tables write them."""
DRAFTS = {
    **dict.fromkeys(("none", "no", "0", "false", "off"), "none"),
    **dict.fromkeys(("mtp", "eagle", "eagle3", "draft", "yes", "1", "true"), "drafts"),
}
"""Speculative decoding as tables write it."""
SPECULATIVE = ("speculative", "spec_decode")
"""Columns that say whether tokens are drafted; the first that a table has is read."""
NATIVE = {"gpt_oss": "fp4", "deepseek": "fp8", "kimi": "fp8", "minimax": "fp8"}
"""How names of models begin whose weights are published in less than 16 bits."""
WORKER_KEYS = ("workers", "tp", "pp", "dp", "moe_tp", "ep", "bs")
RESULTS = ("ttft_ms", "tpot_ms")


def question(row: Mapping[str, str]) -> Question:
    """Return the question of a user's row.

    Raises
    ------
    UnsupportedError
        With every cell that can't be read, or what else stands against the row.
    """
    cells = Cells(row)
    system, model = _names(cells)
    engine = cells.word("engine", ENGINE_WORDS, "vllm")
    mode = cells.word("mode", MODES, "agg")
    drafted, number, accepted = _stated_drafts(cells)
    input_tokens, output_tokens = (cells.number(k, minimum=1.0) for k in ("isl", "osl"))
    users = cells.number("concurrency")
    precision = _precision(cells, system, model)
    measured = _is_measured(cells)
    total = cells.count("n_gpus") if cells.text("n_gpus") else 0
    ranks = _ranks(cells, total) if mode == "agg" else _Ranks(1, 1, 1, 1)
    cells.check()
    found = Question(
        system=system,
        model=model,
        precision=precision,
        engine=engine,
        drafts=number,
        decode=Worker(1, by_requests=False),
        prefill=None,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        concurrency=users,
        spread=0.0,
        harness=WARMED,
        guesses=(),
        ran=measured,
        release=cells.text("engine_version"),
        accepted_tokens=accepted,
    )
    found = _disaggregated(found, cells, total) if mode == "disagg" else _co_located(found, cells, ranks, total)
    return _that_fits(replace(_with_drafts(found, cells, drafted=drafted), guesses=tuple(cells.assumed)))


def _stated_drafts(cells: Cells) -> tuple[bool, int, float]:
    """Return whether tokens are drafted, how many for each step and how many are accepted; 0 where not stated."""
    column = next(
        (c for c in SPECULATIVE if cells.text(c)), next((c for c in SPECULATIVE if c in cells.row), SPECULATIVE[0])
    )
    stated = cells.text("drafts")
    number = cells.count("drafts") if stated not in ("", "0") else 0
    accepted = cells.number("accepted_tokens", minimum=1.0) if cells.text("accepted_tokens") else 0.0
    if stated and not cells.text(column):
        return number > 0, number, accepted
    drafted = cells.word(column, DRAFTS, "none") == "drafts"
    if stated and drafted != (number > 0):
        cells.refuse("drafts", f"{'1 or more' if drafted else '0'}, as '{column}' says, or leave one of them empty")
    return drafted, number, accepted


def _with_drafts(q: Question, cells: Cells, *, drafted: bool) -> Question:
    """Return a question with its number of drafts: the engine's usual one where it isn't stated."""
    if not drafted:
        if q.accepted_tokens:
            raise UnsupportedError(
                f"'accepted_tokens' is '{q.accepted_tokens:g}', and nothing is drafted: state 'drafts', or empty it"
            )
        return q
    found = q
    if not q.drafts:
        found = replace(q, drafts=usual_drafts(q.engine, by_requests=q.decode.by_requests))
        cells.assume("drafts", found.drafts, f"usual with {q.engine}")
    accepted = drafts_for(found, shipped()).accepted_tokens
    if not q.accepted_tokens:
        cells.assume("accepted_tokens", f"{accepted:.3g}", "published counts, less what random prompts refuse")
    return found


def model_answered(row: Mapping[str, str]) -> str:
    """Return the catalog's model that a row's name means, "" where it means none."""
    try:
        return meant_in_table("model", (row.get("model") or "").strip())
    except UnsupportedError:
        return ""


def _is_measured(cells: Cells) -> bool:
    """Return whether a row carries a measured time, so that it ran."""
    times = [cells.result(name) for name in RESULTS]
    return any(t > 0 for t in times)


def _names(cells: Cells) -> tuple[str, str]:
    """Return the system and the model of a row; what is unknown is noted."""
    found = []
    for name, kind in (("gpu", "system"), ("model", "model")):
        try:
            if not cells.text(name):
                raise UnsupportedError(f"'{name}' is empty: name one of the catalog")
            found.append(meant_in_table(kind, cells.text(name)))
        except UnsupportedError as error:
            cells.wrong.append(str(error))
            found.append("")
    if all(found):
        known(*found)
    return found[0], found[1]


def _precision(cells: Cells, system: str, model: str) -> str:
    """Return the precision of the weights; an empty cell has what the model's name says, or what it is published in."""
    if cells.text("precision"):
        return cells.word("precision", PRECISIONS, "bf16")
    if not (system and model):
        return "bf16"
    words = re.split(r"[^a-z0-9]+", cells.text("model").lower())
    named = [PRECISIONS[w] for w in words if w in PRECISIONS]
    native = next((p for begin, p in NATIVE.items() if model.startswith(begin)), "bf16")
    found, why = (named[-1], "as the model's name says") if named else (native, "as the model is published")
    if found == "fp8" and not known(system, model)[0].peak_fp8_flops_per_s:
        found, why = "bf16", "the GPU has no fp8"
    cells.assume("precision", found, why)
    return found


@dataclass(frozen=True, slots=True)
class _Ranks:
    """Ranks that a row states; of experts 0 where it leaves them open."""

    tensor: int
    pipeline: int
    data: int
    expert: int


def _co_located(q: Question, cells: Cells, ranks: _Ranks, total: int) -> Question:
    """Return a question with its replica: ``tp``, ``pp`` and ``dp`` ranks that give the row's GPUs."""
    experts = known(q.system, q.model)[1].experts > 0
    tensor, pipeline, data = ranks.tensor, ranks.pipeline, ranks.data
    heads = tensor
    if total and total != tensor * pipeline * data:
        if not (experts and total == tensor * pipeline and tensor % data == 0):
            product = tensor * pipeline * data
            raise UnsupportedError(f"tp x pp x dp is {product}, n_gpus is {total}: correct one, or leave one empty")
        heads = tensor // data  # engines that count attention groups among the tensor ranks (SGLang)
        cells.assumed.append(f"dp {data} within tp {tensor}: attention groups of {heads} GPUs")
    if not total:
        cells.assume("n_gpus", tensor * pipeline * data, "tp x pp x dp")
    grouped = experts and data > 1
    worker = Worker(heads * (data if grouped else 1), grouped, tensor=heads if grouped else 1, pipeline=pipeline)
    expert = ranks.expert or (worker.gpus if experts else 1)
    if not ranks.expert and expert > 1:
        cells.assume("ep", expert, "experts spread over a stage")
    domain = known(q.system, q.model)[0].scaleup_gpus
    wide = (f"tp {heads} is wider than the {domain} GPUs of a scale-up domain",) if heads > domain else ()
    found = replace(q, decode=worker, replicas=1 if grouped else data, reasons=wide)
    refuse_misfits(found, tensor=heads, data=data if experts else 1, expert=expert)
    return found


def _ranks(cells: Cells, total: int) -> _Ranks:
    """Return the ranks of a row; one of ``tp`` and ``dp`` that is empty is what the GPUs leave for it."""
    pipeline = cells.count("pp", 1)
    expert = cells.count("ep") if cells.text("ep") else 0
    stated = {k: cells.count(k) for k in ("tp", "dp") if cells.text(k)}
    if total and "tp" not in stated:
        data = stated.get("dp") or cells.count("dp", 1)
        tensor = max(total // (pipeline * data), 1)
        cells.assume("tp", tensor, "n_gpus over pp x dp")
        return _Ranks(tensor, pipeline, data, expert)
    tensor = stated.get("tp") or cells.count("tp", 1)
    if total and "dp" not in stated:
        data = max(total // (pipeline * tensor), 1)
        cells.assume("dp", data, "n_gpus over tp x pp")
    else:
        data = stated.get("dp") or cells.count("dp", 1)
    return _Ranks(tensor, pipeline, data, expert)


def _disaggregated(q: Question, cells: Cells, total: int) -> Question:
    """Return a question with prefill and decode workers, as the cell 'config' states them."""
    workers = {name: _worker(q, cells, name) for name in ("prefill", "decode")}
    found = replace(q, decode=workers["decode"], prefill=workers["prefill"])
    if total and total != found.gpus:
        raise UnsupportedError(
            f"the workers in 'config' have {found.gpus} GPUs, n_gpus is {total}: correct one of them"
        )
    return found


def _worker(q: Question, cells: Cells, name: str) -> Worker:
    match = re.search(rf"\b{name}:((?:\s*(?:{'|'.join(WORKER_KEYS)})=\d*)+)", cells.text("config"))
    if not match:
        raise UnsupportedError(
            f"'config' states no {name} workers, which mode 'disagg' needs: give 'prefill: workers=1 tp=4 pp=1 dp=1; "
            "decode: workers=2 tp=8 pp=1 dp=1'"
        )
    given = {k: v for k, v in re.findall(r"(\w+)=(\d*)", match[1]) if v}
    if zero := [k for k, v in given.items() if k in WORKER_KEYS[:4] and int(v) < 1]:
        raise UnsupportedError(f"'config': {', '.join(zero)} of {name} workers must be a positive whole number")
    tensor, pipeline, data, count = (int(given.get(k, 1)) for k in ("tp", "pp", "dp", "workers"))
    cells.assumed += [f"{k} 1 ({name} workers)" for k in ("workers", "tp", "pp", "dp") if k not in given]
    grouped = data > 1 and known(q.system, q.model)[1].experts > 0
    if data > 1 and not grouped:  # replicas of a dense model are workers of their own
        count, data = count * data, 1
    worker = Worker(tensor * data, grouped, count, tensor=tensor if grouped else 1, pipeline=pipeline)
    experts = int(given.get("ep", 1))
    refuse_misfits(replace(q, decode=worker), tensor=tensor, data=data, expert=experts)
    return worker


def _that_fits(q: Question) -> Question:
    """Return a question whose GPUs hold the model, or whose measured result says that they did."""
    lack = shortage(q)
    if not lack:
        return q
    if not q.ran:
        raise UnsupportedError(lack)
    return replace(q, reasons=(*q.reasons, f"it was measured, and yet {lack}"))
