"""Wrong input to the verbs of one layer: the place, the value and what to do, exit code 2, no traceback, nothing
written."""

from __future__ import annotations

from pathlib import Path

import pytest

from gigaplan.cli import main

RUN = ("train", "llama_3_1_405b", "h100_hgx")
TWO = (*RUN, "--sites", "a=8192,b=8192", "--wan-distance", "1000 km")
STEPS = (
    "gpu,num_gpus,model,seq_len,global_batch,micro_batch,tp,pp,dp,cp,ep,vpp,precision,recompute\n"
    "H100,512,Llama-3.1 405B,8192,256,1,8,8,8,1,1,8,BF16,\n"
)
SERVED = "gpu,model,isl,osl,concurrency,precision,framework,ttft_ms\nh100_sxm,llama_3_1_70b,1024,1024,8,fp8,vllm,80\n"
TABLES = {
    "empty.csv": b"",
    "noise.csv": b"\x00\xff\xfe\x80",
    "other.csv": b"a,b\n1,2\n",
    "steps.csv": STEPS.encode(),
    "served.csv": SERVED.encode(),
}

CASES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (RUN, ("'gpus'", "--gpus 16384")),
    ((*RUN, "--gpus", "16384", "--precision", "fp4"), ("doesn't multiply in fp4", "bf16, fp8")),
    ((*RUN, "--sites", "abilene,abilene"), ("named twice", "abilene", "name it once")),
    ((*TWO, "--plan", "no-such-plan"), ("--plan would change nothing", "no-such-plan")),
    (("frontier", "gpt_oss_120b", "gb200_nvl72", "--isl", "nan"), ("(--isl)", "nan")),
    *(
        ((verb, kind, table, "-o", "out"), (table, why))
        for verb, kind in (
            ("predict", "inference"),
            ("predict", "training"),
            ("calibrate", "serving"),
            ("calibrate", "training"),
        )
        for table, why in (("missing.csv", "no such file"), ("noise.csv", "not UTF-8"), ("folder", "is a directory"))
    ),
    *(
        ((*verb, "empty.csv"), ("empty.csv:1:1", "the table is empty", "first line"))
        for verb in (
            ("predict", "inference", "-o", "out"),
            ("predict", "training", "-o", "out"),
            ("calibrate", "training", "-o", "out"),
            ("validate", "inference", "--rows"),
            ("validate", "training"),
            ("validate", "power"),
        )
    ),
    (("predict", "training", "other.csv", "-o", "out"), ("columns are missing", "num_gpus", "training_step.csv")),
    (("predict", "training", "steps.csv", "-o", "steps.csv"), ("take the place of the table", "another file")),
    (
        ("predict", "training", "steps.csv", "--anchor", "other.csv", "-o", "other.csv"),
        ("take the place of the table",),
    ),
    *(
        ((*verb, option, "new/"), ("new/", "a file is to be written", "put the file's name behind it"))
        for verb, option in (
            (("frontier", "gpt_oss_120b", "l4"), "--html"),
            (("export", "folder", "--to", "csv"), "--out"),
            (("predict", "training", "steps.csv"), "-o"),
            (("calibrate", "serving", "served.csv"), "--out"),
            (("schema",), "--out"),
            (("validate", "inference"), "--markdown"),
        )
    ),
    (("frontier", "gpt_oss_120b", "mine", "--system-config", "empty.csv"), ("the system file is empty", "write its")),
    (("predict", "inference", "served.csv", "-o", "served.csv"), ("take the place of the table", "another file")),
    (("calibrate", "serving", "served.csv", "-o", "served.csv"), ("take the place of the table", "another file")),
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, data in TABLES.items():
        Path(name).write_bytes(data)
    Path("folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(("command", "words"), CASES, ids=[" ".join(c) for c, _ in CASES])
def test_it_is_told_what_is_wrong(
    command: tuple[str, ...], words: tuple[str, ...], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(list(command))
    told = capsys.readouterr()
    assert left.value.code == 2
    assert not told.out
    for word in words:
        assert word in told.err
    assert "Traceback" not in told.err
    assert {p.name for p in here.iterdir()} == {*TABLES, "folder"}, "something was written"
    assert all((here / name).read_bytes() == data for name, data in TABLES.items())


def test_a_table_that_cannot_be_written_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["predict", "training", "steps.csv", "-o", "folder"])
    assert left.value.code == 2
    assert "folder: error: this is a folder" in capsys.readouterr().err
    assert {p.name for p in here.iterdir()} == {*TABLES, "folder"}, "something was left"
