"""Templates are compiled once: their code is stored between runs, and nothing but their own code is ever used."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gigaplan.report import page
from gigaplan.vocabulary.files.stored import Shelf, shelf


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder of stored values that this process has not read yet."""
    monkeypatch.setenv("GIGAPLAN_CACHE", str(tmp_path))
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    shelf.cache_clear()
    page.template.cache_clear()


def _rendered(name: str, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    """Return a page of a template's text, as another process draws it."""
    _forget()
    monkeypatch.setattr(page, "text_of", lambda _: text)
    return page.template(name).render()


def test_a_template_is_compiled_once_and_again_when_its_text_changes(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    compile_text = page.Environment.compile

    def noted(self: page.Environment, source: str, *args: object, **options: object) -> object:
        compiled.append(source)
        return compile_text(self, source, *args, **options)

    monkeypatch.setattr(page.Environment, "compile", noted)
    assert _rendered("a.j2", monkeypatch, "{{ 1 + 1 }}") == "2"
    assert _rendered("a.j2", monkeypatch, "{{ 1 + 1 }}") == "2"
    assert compiled == ["{{ 1 + 1 }}"]
    assert _rendered("a.j2", monkeypatch, "{{ 1 + 2 }}") == "3"
    assert compiled == ["{{ 1 + 1 }}", "{{ 1 + 2 }}"]
    assert len(list(stored.iterdir())) == 1


@pytest.mark.parametrize("code", ["", "not base64!", "AAAA", 7, None])
def test_what_is_no_code_of_a_template_is_compiled_anew(
    stored: Path, monkeypatch: pytest.MonkeyPatch, code: object
) -> None:
    monkeypatch.setattr(Shelf, "find", lambda self, key: code)
    assert _rendered("a.j2", monkeypatch, "{{ 1 + 1 }}") == "2"
