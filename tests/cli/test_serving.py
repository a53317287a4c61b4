from __future__ import annotations

import json
from pathlib import Path

import pytest

from gigaplan.cli import app, main
from gigaplan.layers.serving import Frontiers


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


PAIR = ("frontier", "gpt_oss_120b", "gb200_nvl72")


def asked(capsys: pytest.CaptureFixture[str], *args: str) -> Frontiers:
    assert leave(*args, "--json") == 0
    return Frontiers.from_dict(json.loads(capsys.readouterr().out))


def test_terminal_page_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(*PAIR, "--html", str(tmp_path / "new" / "f.html")) == 0
    out = capsys.readouterr().out
    assert "tokens/s per user" in out
    assert "f.html" in out
    assert (tmp_path / "new" / "f.html").read_text().startswith("<!doctype html>")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["f.html"]
    answer = asked(
        capsys, *PAIR, "--isl", "8192", "--osl", "512", "--cached", "1000", "--precision", "fp8", "--engine", "vllm"
    )
    assert (answer.question.input_tokens, answer.question.output_tokens, answer.question.cached_tokens) == (
        8192,
        512,
        1000,
    )
    assert answer.curves[0].precision == "fp8"
    assert answer.curves[0].engine == "vllm"


@pytest.mark.parametrize("words", [("2500 ms", "40ms"), ("2.5s", "0.04 s"), ("2.5 s", "4e-2 s")])
def test_times_with_and_without_quotes(words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    whole = asked(capsys, *PAIR, "--ttft", words[0], "--tpot", words[1])
    apart = asked(capsys, *PAIR, "--ttft", *words[0].split(), "--tpot", *words[1].split())
    assert whole == apart
    assert (whole.question.ttft_s, whole.question.tpot_s) == (2.5, 0.04)


def test_pairs_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    def pairs(*args: str) -> list[tuple[str, str]]:
        return [(c.model, c.system) for c in asked(capsys, "frontier", *args).curves]

    a, b, x, y = "gpt_oss_120b", "llama_3_1_8b", "gb200_nvl72", "h200_hgx"
    every = [(a, x), (a, y), (b, x), (b, y)]
    assert pairs(f"{a},{b}", f"{x},{y}") == every
    assert pairs(a, x, "--with-system", y, "--with-model", b) == every
    assert pairs(a, x, b, y) == [(a, x), (b, y)]


def test_ways_of_serving(capsys: pytest.CaptureFixture[str]) -> None:
    def modes(*args: str) -> set[str]:
        return {p.mode for p in asked(capsys, *PAIR, *args).curves[0].points}

    assert modes() == modes("--disaggregated", "--co-located") == {"co-located", "disaggregated"}
    assert modes("--disaggregated") == {"disaggregated"}
    assert modes("--co-located") == {"co-located"}


def test_mistakes_are_told_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("frontier", "gpt_os_120b", "gb200_nvl27", "--cached", "9999") == 2
    told = capsys.readouterr().err
    for words in ("nearest: gpt_oss_120b", "nearest: gb200_nvl72", "9999", "3 problems"):
        assert words in told
    assert "Traceback" not in told
    assert leave("frontier", "gpt_os_120b", "gb200_nvl72", "--json") == 2
    assert json.loads(capsys.readouterr().out)["problems"][0]["nearest"].startswith("gpt_oss_120b")
    assert leave(*PAIR, "--ttft", "2", "--tpot", "fast") == 2
    told = capsys.readouterr().err
    assert "--ttft" in told
    assert "--tpot" in told
    assert leave(*PAIR, "llama_3_1_8b") == 2
    assert "stands alone" in capsys.readouterr().err
    assert leave(*PAIR, "--engine", "vlm") == 2
    (tmp_path / "file").write_text("")
    assert leave(*PAIR, "--html", str(tmp_path / "file" / "x.html")) == 3


def test_no_point_at_all_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("frontier", "deepseek_r1", "l4") == 1
    assert "co-located" in capsys.readouterr().out


def test_names_are_completed(capsys: pytest.CaptureFixture[str]) -> None:
    def offered(*words: str) -> list[str]:
        app(["__complete", "frontier", *words], exit_on_error=False)
        lines = capsys.readouterr().out.splitlines()
        return [line.split("\t")[0] for line in lines if line and not line.startswith("\x1f")]

    assert "gpt_oss_120b" in offered("gpt")
    assert "vr_nvl72" in offered("gpt_oss_120b", "v")
    assert "gb200_nvl72,vr_nvl72" in offered("gpt_oss_120b", "gb200_nvl72,v")
    assert "h200_hgx" in offered("gpt_oss_120b", "gb200_nvl72", "--with-system", "h")
