"""The README and the documentation, run as written.

The Python and shell blocks of a page run in order, in one empty folder, and the page's Python blocks share their names.
A block that follows ``<!-- skip: reason -->`` is left out, and so is a shell block that sets up the machine.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

import gigaplan as gp
from gigaplan.measurements import page
from gigaplan.plan import schema
from gigaplan.report.glossary import glossary
from gigaplan.report.terminal import render

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELLS = {"bash", "console", "sh", "shell"}
SETS_UP = {"apt", "apt-get", "git", "make", "pip", "pipx", "sudo", "uv"}
FENCE = re.compile(r"^\s*(?P<fence>`{3,}|~{3,})\s*(?P<language>[\w+-]*)")
SKIP = re.compile(r"^\s*<!--\s*skip:\s*\S.*-->\s*$")
LIMIT_S = 300


AS_READERS = {"README.md", "guide-first-answers.md"}
"""Pages whose plans have as many members as by themselves; those of the others have a tenth, which takes half the time.
Of a study that says how many, a fifth is computed.
"""
FEW_MEMBERS, FEWEST_OF_STUDY = 12, 20
OF_STUDY = re.compile(r"(?<![\w.])(--members |members=)(\d+)")
FORKED = Path(__file__).parent / "forked.py"


class Block(NamedTuple):
    language: str
    code: str
    line: int  # of its first line of code, from 1


def blocks(text: str) -> Iterator[Block]:
    """Return the Python and shell blocks of a page that are to be run."""
    lines = enumerate(text.splitlines(), 1)
    skip = False
    for number, line in lines:
        opening = FENCE.match(line)
        if opening is None:
            skip = SKIP.match(line) is not None or (skip and not line.strip())
            continue
        closing = re.compile(rf"^\s*{re.escape(opening['fence'])}+\s*$")
        code: list[str] = []
        for _, inner in lines:
            if closing.match(inner):
                break
            code.append(inner)
        block = Block(opening["language"].lower(), textwrap.dedent("\n".join(code)), number + 1)
        if not skip and (block.language == "python" or (block.language in SHELLS and not sets_up(block))):
            yield block
        skip = False


HEREDOC = re.compile(r"<<-?\s*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)")


def commands(block: Block) -> str:
    """Return a shell block's commands: where lines start with a prompt, those, their continuations and their
    heredocs."""
    lines = block.code.splitlines()
    prompted = any(line.startswith("$ ") for line in lines)
    found: list[str] = []
    end = ""
    for line in lines:
        if end:
            found.append(line)
            end = "" if line.strip() == end else end
            continue
        if not prompted:
            found.append(line)
        elif line.startswith("$ "):
            found.append(line[2:])
        elif found and found[-1].endswith("\\"):
            found.append(line.removeprefix("> "))
        else:
            continue
        opening = HEREDOC.search(found[-1])
        end = opening["end"] if opening else ""
    assert not end, f"line {block.line}: the heredoc is never ended by {end}"
    return "\n".join(found)


def with_few_members(block: Block) -> Block:
    """Return a block whose studies have a fifth of their members."""

    def fewer(found: re.Match[str]) -> str:
        return f"{found[1]}{max(int(found[2]) // 5, min(FEWEST_OF_STUDY, int(found[2])))}"

    return block._replace(code=OF_STUDY.sub(fewer, block.code))


def sets_up(block: Block) -> bool:
    steps = re.split(r"\n|&&|\|\||;", commands(block))
    words = [step.split() for step in steps if step.strip()]
    return any(step[0] in SETS_UP or step[1:3] in (["-m", "pip"], ["-m", "venv"]) for step in words)


def run_shell(block: Block, page: str, commands_of: Path | None = None) -> None:
    folders = [str(commands_of)] if commands_of else []
    path = os.pathsep.join([*folders, str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands(block)],
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{page}:{block.line}: exit {done.returncode} from\n{block.code}\n---\n{done.stdout}"


def run_python(block: Block, page: str, names: dict[str, object]) -> None:
    code = "\n" * (block.line - 1) + block.code  # so that a traceback names the page's own line
    exec(compile(code, page, "exec"), names)


@pytest.fixture(scope="module")
def commands_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a command ``gigaplan`` that is imported once, and forked for each call."""
    folder = tmp_path_factory.mktemp("bin")
    server = subprocess.Popen([sys.executable, str(FORKED), str(folder)], stdout=subprocess.PIPE)
    with server:
        assert server.stdout is not None and server.stdout.readline() == b"ready\n"
        yield folder
        server.terminate()


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
def test_page_runs_as_written(page: Path, tmp_path: Path, commands_of: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    members = 100 if page.name in AS_READERS else FEW_MEMBERS
    monkeypatch.setattr(schema, "MEMBERS", members)
    monkeypatch.setenv("MEMBERS_OF_PAGE", str(members))
    names: dict[str, object] = {"__name__": "__main__"}
    for written in blocks(page.read_text(encoding="utf-8") if page.exists() else ""):
        name = page.relative_to(ROOT).as_posix()
        block = written if page.name in AS_READERS else with_few_members(written)
        if block.language == "python":
            run_python(block, name, names)
        else:
            run_shell(block, name, commands_of)


PAGE = """
```bash
make run
```
<!-- skip: opens a server -->

```console
$ gigaplan app
```
1. A list:

   ```console
   $ gigaplan run mine.yaml \\
   >   --json
   {"tokens": 1}
   $ gigaplan catalog check
   ```
````markdown
```python
raise SystemExit
```
````
```python title="first.py"
x = 1
```
```yaml
x: 1
```
"""


def test_blocks_that_are_run() -> None:
    shell, python = blocks(PAGE)
    assert commands(shell) == "gigaplan run mine.yaml \\\n  --json\ngigaplan catalog check"
    assert python == Block("python", "x = 1", 24)
    assert PAGE.splitlines()[python.line - 1] == python.code


def test_what_a_reader_would_paste_includes_heredocs() -> None:
    block = Block("console", "$ cat > x.yaml <<'END'\na: 1\n\n  b: 2\nEND\n$ gigaplan run x\nsome output", 3)
    assert commands(block) == "cat > x.yaml <<'END'\na: 1\n\n  b: 2\nEND\ngigaplan run x"
    with pytest.raises(AssertionError, match=r"line 3: the heredoc is never ended by END"):
        commands(Block("bash", "cat <<END\na: 1", 3))


@pytest.mark.parametrize("step", ["cd gigaplan && make run", "python3 -m venv .venv", "pip install gigaplan"])
def test_blocks_that_set_up_are_not_run(step: str) -> None:
    assert not list(blocks(f"```bash\n{step}\n```\n"))


def test_shell_block_that_fails_is_told_with_its_line() -> None:
    with pytest.raises(AssertionError, match=r"page\.md:7: exit 3"):
        run_shell(Block("bash", "true\n(exit 3)\ntrue", 7), "page.md")


def test_the_summary_in_the_readme_is_what_a_run_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MEMBERS", 100)
    console = Console(file=StringIO(), width=98, color_system=None)
    console.print(render(gp.run("announced-2025-09")))
    assert isinstance(console.file, StringIO)
    printed = "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())
    shown = re.search(r"```text\n(NVIDIA and OpenAI, .*?)\n```", PAGES[0].read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    assert shown[1] == printed, "run it again and put what it prints there"


def test_the_glossary_is_the_variable_table() -> None:
    assert (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8") == glossary(), "make docs renews it"


def test_the_page_of_formats_is_what_their_modules_say() -> None:
    assert (ROOT / "docs" / "formats.md").read_text(encoding="utf-8") == page.page(), "make docs renews it"
