"""Stop every writing verb at random instants, and look whether anything is lost, half-written or left behind.

``python tests/fuzz/kills.py 50`` kills and interrupts each verb 50 times (``make fuzz``); more words name single verbs.
The suite does a few. The same verb is started in two forms by turns, so that what was there before and what is to be
written differ: after every stop each file or folder is whole, in one form or the other.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

STEPS = (
    "gpu,num_gpus,model,seq_len,global_batch,micro_batch,tp,pp,dp,cp,ep,vpp,precision,recompute,tokens_per_s_per_gpu\n"
    "H100,512,Llama-3.1 405B,8192,{batch},1,8,8,8,1,1,8,BF16,,400\n"
    "H100,64,Llama-3.1 70B,8192,{batch},1,8,2,4,1,1,1,BF16,,900\n"
    "H100,64,Llama-3.1 70B,8192,{batch},1,4,4,4,1,1,1,BF16,,910\n"
    "H100,8,Llama-3.1 8B,8192,{batch},1,1,1,8,1,1,1,BF16,,9000\n"
)
BENCH = {
    "backend": "vllm",
    "model_id": "meta-llama/Llama-3.1-70B-Instruct",
    "completed": 160,
    "total_input_tokens": 163840,
    "mean_ttft_ms": 210.5,
}
"""Invented numbers in the form that vLLM's benchmark writes."""
LEFT_OPEN = ("--gpu", "h100_sxm", "--tp", "4", "--precision", "fp8")
FORMS = ("8", "9")
"""What takes the place of ``{n}`` in a verb's words, by turns."""
RUN = ("run", "lab-1mw", "--set", "horizon.end=2026-0{n}", "--set", "uncertainty.members=12")
VERBS: dict[str, tuple[str, ...]] = {
    "run": (*RUN, "--out", "out"),
    "rerun": ("rerun", "kept{n}", "--out", "out"),
    "export csv": ("export", "kept{n}", "--to", "csv", "--out", "out.csv"),
    "export parquet": ("export", "kept{n}", "--to", "parquet", "--out", "out.parquet"),
    "export netcdf": ("export", "kept{n}", "--to", "netcdf", "--out", "out.nc"),
    "export xlsx": ("export", "kept{n}", "--to", "xlsx", "--out", "out.xlsx"),
    "predict training": ("predict", "training", "steps{n}.csv", "--out", "out.csv"),
    "predict inference": ("predict", "inference", "bench{n}.json", *LEFT_OPEN, "--out", "out.csv"),
    "calibrate training": ("calibrate", "training", "steps{n}.csv", "--force", "--out", "out.yaml"),
    "calibrate serving": ("calibrate", "serving", "bench{n}.json", *LEFT_OPEN, "--out", "out.yaml"),
    "frontier": ("frontier", "llama_3_1_8b", "h100_hgx", "--ttft", "{n} s", "--html", "out.html"),
    "train": ("train", "llama_3_1_8b", "h100_hgx", "--gpus", "64", "--tokens", "{n}T", "--html", "out.html"),
    "validate": (
        *("validate", "inference", "bench{n}.json", *LEFT_OPEN),
        *("--markdown", "out.md", "--images", "out", "--html", "out.html"),
    ),
    "schema": ("schema", "--out", "out.json"),
    "new": ("new", "out.yaml", "--force", "--power", "{n}00 MW"),
}
OTHER_FORM = {"schema": ("--overlay",)}
"""Words of the second form of a verb that takes no ``{n}``."""
FOREIGN = ("thesis.txt", "out.csv.part", "out.old/notes", ".out.tmp", ".hidden-part", "out.yaml~")
"""Files of somebody else with names like temporary ones."""
DEBRIS = ".gigaplan-part"
"""The end of a temporary folder's name, which the next start sweeps."""
STARTS_S = 0.1
"""Before this, Ctrl-C may meet an interpreter that has not begun to run gigaplan."""
Files = dict[str, bytes]


def words(verb: str, form: str) -> tuple[str, ...]:
    """Return the words of one form of a verb."""
    more = OTHER_FORM.get(verb, ()) if form == FORMS[1] else ()
    return (*(word.replace("{n}", form) for word in VERBS[verb]), *more)


def start(args: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    """Start a verb in a folder, with temporary files and stored rates of its own."""
    env = {**os.environ, "TMPDIR": str(folder.parent / "tmp"), "GIGAPLAN_CACHE": str(folder.parent / "rates")}
    log = (folder.parent / "stderr").open("wb")
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "gigaplan", *args], cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=log
        )


def contents(folder: Path) -> Files:
    """Return every file below a folder by its path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def debris(folder: Path) -> list[str]:
    """Return the temporary folders that are there, of which a verb at work may be removing some."""
    places = [p for p in (folder, folder / "out") if p.is_dir()]
    return [name for place in places for name in os.listdir(place) if name.startswith(".") and name.endswith(DEBRIS)]


@dataclass
class Bench:
    """A folder in which a verb is stopped: what it reads, what it may write, and what both forms write."""

    verb: str
    folder: Path
    others: Files
    """What is there besides: inputs, and files of somebody else."""
    whole: dict[str, Files]
    """What each form writes, by path."""
    lasts_s: float
    writes_s: float = 0.0
    """When the first temporary folder is seen."""

    @property
    def units(self) -> list[list[str]]:
        """Groups of paths that are replaced together: a result's folder, or single files."""
        paths = sorted(set().union(*self.whole.values()))
        return [paths] if "out/result.json" in paths else [[path] for path in paths]

    def wrong(self) -> list[str]:
        """Return what is lost, half-written or changed."""
        now = {p: data for p, data in contents(self.folder).items() if DEBRIS not in p}
        found = [f"{p}: changed or lost" for p, data in self.others.items() if now.get(p) != data]
        found += [f"{p}: left behind" for p in now if p not in self.others and not any(p in u for u in self.units)]
        for unit in self.units:
            some = {p: now[p] for p in unit if p in now}
            forms = [{p: files[p] for p in unit if p in files} for files in self.whole.values()]
            if some not in (*forms, {}):
                found.append(f"{', '.join(unit)}: not whole")
        return found

    def there(self) -> set[str]:
        """Return what is there of all that the verb writes."""
        return {p for unit in self.units for p in unit if (self.folder / p).exists()}


def prepared(verb: str, base: Path, *, again: bool = True) -> Bench:
    """Put a verb's inputs into a new folder, run both of its forms and one ``again``, and return what they wrote."""
    folder = base / "work"
    for name in ("work", "tmp", "rates"):
        (base / name).mkdir()
    for k, form in enumerate(FORMS, 1):
        (folder / f"steps{form}.csv").write_text(STEPS.format(batch=128 * k))
        rows = [
            {**BENCH, "max_concurrency": n, "mean_tpot_ms": 15.0 + n / 2 + k / 4, "total_output_tokens": 40960 * k}
            for n in (4, 8, 16, 32)
        ]
        (folder / f"bench{form}.json").write_text(json.dumps(rows))
        if "kept{n}" in VERBS[verb]:
            run = (*(word.replace("{n}", form) for word in RUN), "--out", f"kept{form}")
            assert start(run, folder).wait() == 0, (base / "stderr").read_text()
    for name in FOREIGN:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("somebody else's")
    bench = Bench(verb, folder, contents(folder), {}, 0.0)
    for form in (*FORMS[:again], *FORMS):
        began = time.monotonic()
        job = start(words(verb, form), folder)
        while job.poll() is None and not debris(folder):
            time.sleep(0.002)
        bench.writes_s = time.monotonic() - began
        assert job.wait() == 0, (base / "stderr").read_text()
        bench.lasts_s = time.monotonic() - began
        now = {p: data for p, data in contents(folder).items() if p not in bench.others}
        assert bench.whole.setdefault(form, now) == now, f"{verb} writes otherwise the second time"
    assert bench.whole[FORMS[0]] != bench.whole[FORMS[1]], f"both forms of {verb} write the same"
    return bench


def _wait(bench: Bench, job: subprocess.Popen[bytes], dirty: set[str], chance: random.Random) -> float:
    """Wait for a random instant: of the whole life, of its last third, or from the first new temporary folder on."""
    began, how = time.monotonic(), chance.randrange(4)
    if how < 3:
        time.sleep(chance.uniform((0.0, 0.0, 2 / 3)[how] * bench.lasts_s, 1.05 * bench.lasts_s))
    else:
        while job.poll() is None and set(debris(bench.folder)) <= dirty:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 1.2 * (bench.lasts_s - bench.writes_s)) * chance.random())
    return time.monotonic() - began


def _interrupted_badly(base: Path, code: int, after_s: float) -> list[str]:
    """Return what is wrong with how a verb ended after Ctrl-C; until gigaplan runs, Python ends in its own way."""
    said = (base / "stderr").read_text(errors="replace")
    if (code in (0, 130) and "Traceback" not in said) or (after_s < STARTS_S and "gigaplan/cli" not in said):
        return []
    return [f"exit {code} after {after_s:.2f} s: {said[-300:]}"]


@dataclass(frozen=True)
class Stops:
    """What came of stopping a verb."""

    faults: list[str]
    before_end: int
    """Stops that came before the end."""
    while_writing: int
    """Stops that came while there was a temporary folder of this run."""


def stop(bench: Bench, number: signal.Signals, times: int, chance: random.Random, *, run_after: bool = True) -> Stops:
    """Stop a verb at random instants; say what was lost, half-written or left behind.

    Parameters
    ----------
    bench : Bench
        A verb, prepared.
    number : Signals
        The signal.
    times : int
        How often.
    chance : Random
        Of the instants.
    run_after : bool
        Whether the verb is run once more at the end, as if nothing had been.
    """
    base, found, stopped, writing = bench.folder.parent, [], 0, 0
    for i in range(times):
        if chance.random() < 0.25:
            for path in bench.there():
                (bench.folder / path).unlink()
            shutil.rmtree(bench.folder / "out", ignore_errors=True)
        before, dirty = bench.there(), set(debris(bench.folder))
        job = start(words(bench.verb, FORMS[i % 2]), bench.folder)
        after_s = _wait(bench, job, dirty, chance)
        ran = job.poll() is None
        writing += bool(ran and set(debris(bench.folder)) - dirty)
        job.send_signal(number)
        code = job.wait()
        stopped += ran
        wrong = bench.wrong() + [f"{path}: gone" for path in before - bench.there()]
        if number == signal.SIGINT:
            wrong += _interrupted_badly(base, code, after_s)
            wrong += [f"{name}: left after Ctrl-C" for name in debris(bench.folder)]
            wrong += [f"TMPDIR/{p.name}: left after Ctrl-C" for p in (base / "tmp").iterdir()]
        found += [f"{bench.verb} {number.name} {i} at {after_s:.2f} s of {bench.lasts_s:.2f}: {w}" for w in wrong]
    if not run_after:
        return Stops(found, stopped, writing)
    if start(words(bench.verb, FORMS[0]), bench.folder).wait() != 0:
        found.append(f"{bench.verb} {number.name}: the next run fails: {(base / 'stderr').read_text()[-300:]}")
    if {p: d for p, d in contents(bench.folder).items() if p not in bench.others} != bench.whole[FORMS[0]]:
        found.append(f"{bench.verb} {number.name}: the next run writes otherwise, or leaves {debris(bench.folder)}")
    found += [f"{bench.verb} {number.name}: the next run leaves TMPDIR/{p.name}" for p in (base / "tmp").iterdir()]
    return Stops(found, stopped, writing)


def main(times: int, *verbs: str) -> int:
    """Stop every verb; print what was found."""
    found: list[str] = []
    print(f"{'verb':20}{'lasts':>8}{'signal':>9}{'starts':>8}{'stopped':>9}{'writing':>9}{'faults':>8}")
    for verb in verbs or VERBS:
        with tempfile.TemporaryDirectory() as base:
            bench = prepared(verb, Path(base))
            for number in (signal.SIGKILL, signal.SIGINT):
                stops = stop(bench, number, times, random.Random(verb + number.name))
                counts = f"{times:>8}{stops.before_end:>9}{stops.while_writing:>9}{len(stops.faults):>8}"
                print(f"{verb:20}{bench.lasts_s:>6.2f} s{number.name:>9}{counts}", *stops.faults, sep="\n", flush=True)
                found += stops.faults
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, *sys.argv[2:]))
