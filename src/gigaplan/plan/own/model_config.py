"""A Hugging Face ``config.json`` as a model: read, mapped to an architecture, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gigaplan.catalog.names import plain_name
from gigaplan.compute.transformer import Architecture
from gigaplan.plan.own.families import FAMILIES, REFUSED, SAME
from gigaplan.plan.own.fields import Fields
from gigaplan.plan.own.shapes import shape
from gigaplan.vocabulary.errors import InputError, Place, PlanError, Problem, allowed_names, nearest_name
from gigaplan.vocabulary.files import read_bytes, refuse_files

MAX_BYTES = 4_000_000
"""Bytes of a configuration that are read at most; the largest published ones have some 100 kB."""
BY_HAND = (
    "state the architecture by hand below 'models' in the plan or in an overlay (gigaplan schema shows its fields)"
)
TOWERS = ("vision_config", "audio_config", "speech_config", "vision_tower_config")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A model of a configuration file.

    Attributes
    ----------
    file : str
        The file.
    family : str
        Its ``model_type``.
    fields : mapping of str to int
        The architecture's fields that differ from 0.
    context_max : int
        Tokens of the longest context [token]; 0 where the file does not say.
    warnings : tuple of str
        What is counted in another way, or not read.
    """

    file: str
    family: str
    fields: Mapping[str, int]
    context_max: int
    warnings: tuple[str, ...]

    @property
    def source(self) -> str:
        """Return where the numbers come from, for the ledger."""
        return f"{Path(self.file).name} ({self.family})"


def read_config(path: Path) -> str:
    """Return the text of a configuration file.

    Raises
    ------
    PlanError
        If it can't be read.
    """
    refuse_files(path)
    try:
        return read_bytes(path, MAX_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        near = nearest_name(path.name, [p.name for p in path.parent.glob("*.json")] if path.parent.is_dir() else [])
        raise _wrong(str(path), "no such model configuration", nearest=near, remedy="check the path") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _wrong(str(path), f"the model configuration can't be read: {why}", remedy="check the file") from None


def model_of_config(text: str, file: str) -> ModelConfig:
    """Return the model that a ``config.json`` describes.

    Parameters
    ----------
    text : str
        The file's text.
    file : str
        Its path, for messages.

    Raises
    ------
    PlanError
        If it is no model's configuration, or with all that is missing or can't be described.
    """
    whole = _parsed(text, file)
    inner: dict[str, Any] = next(
        (whole[k] for k in ("text_config", "llm_config", "language_config") if isinstance(whole.get(k), dict)), {}
    )
    text_config = {**{k: whole[k] for k in ("tie_word_embeddings",) if k in whole}, **(inner or whole)}
    family = _family(whole, inner, file)
    fields = Fields(text_config, FAMILIES[family].defaults)
    found = shape(fields, FAMILIES[family], family)
    blocks = _quantised(whole, fields)
    context = fields.count("max_position_embeddings", "max_sequence_length", default=0)
    found = {k: v for k, v in found.items() if v} | ({"fp8_blocks": 1} if blocks else {})
    _check(found, fields, file)
    warnings = [*fields.warnings]
    if towers := [t for t in TOWERS if whole.get(t)]:
        warnings.append(f"{', '.join(towers)}: only the text model is counted")
    if unread := fields.unread():
        warnings.append(f"not read, and may change compute or memory: {', '.join(unread)}")
    return ModelConfig(file, family, found, context, tuple(warnings))


def _parsed(text: str, file: str) -> dict[str, Any]:
    try:
        whole = json.loads(text)
    except RecursionError:
        raise _wrong(file, "nested too deeply to be a model's configuration", remedy="give its config.json") from None
    except ValueError as error:
        raise _wrong(file, f"not JSON: {error}", remedy="give a model's config.json") from None
    if not isinstance(whole, dict) or "model_type" not in whole:
        raise _no_type(file)
    return whole


def _no_type(file: str) -> PlanError:
    remedy = "give the config.json of a model from Hugging Face, which names its 'model_type'"
    return _wrong(file, "not a model's configuration: it has no 'model_type'", remedy=remedy)


def _family(whole: Mapping[str, Any], inner: Mapping[str, Any], file: str) -> str:
    """Return the family of the text model; PlanError for one that can't be described or isn't known."""
    names = [str(c["model_type"]) for c in (whole, inner) if c.get("model_type")]
    for name in names:
        if name in REFUSED:
            raise _wrong(file, f"models of type '{name}' can't be read: {REFUSED[name]}", value=name, remedy=BY_HAND)
    for name in reversed(names):
        found = SAME.get(name, name)
        if found in FAMILIES:
            return found
    if not names:
        raise _no_type(file)
    known = sorted({*FAMILIES, *SAME})
    raise _wrong(
        file,
        f"models of type '{names[-1]}' aren't known",
        value=names[-1],
        allowed=allowed_names(known),
        nearest=nearest_name(names[-1], known),
        remedy=BY_HAND,
    )


def _quantised(whole: Mapping[str, Any], fields: Fields) -> bool:
    """Return whether FP8 weights have a scale for each block."""
    fields.raw("quantization_config")
    stated = whole.get("quantization_config")
    return isinstance(stated, dict) and stated.get("quant_method") == "fp8" and bool(stated.get("weight_block_size"))


def _check(found: Mapping[str, int], fields: Fields, file: str) -> None:
    """Raise PlanError with all that is missing, wrong or can't be described."""
    problems = []
    if fields.missing:
        names = ", ".join(f"'{n}'" for n in dict.fromkeys(fields.missing))
        problems.append(
            Problem(f"the configuration lacks {names}", Place(file), remedy="add what the model's card says")
        )
    problems += [Problem(f, Place(file), remedy=BY_HAND) for f in dict.fromkeys(fields.faults)]
    if not problems:
        heads, groups = found.get("heads", 0), found.get("kv_heads", 0)
        try:
            Architecture(**found)
        except (InputError, TypeError) as error:
            problems.append(Problem(str(error), Place(file), remedy="check the file"))
        if not heads or not groups or heads % groups:
            allowed, remedy = f"a divisor of {heads} heads", "check 'num_key_value_heads'"
            problems.append(
                Problem(
                    "heads are not shared out evenly", Place(file), value=str(groups), allowed=allowed, remedy=remedy
                )
            )
    if problems:
        raise PlanError(problems)


def name_of(path: Path) -> str:
    """Return a model's name by its file: the file's, or its folder's where the file is called ``config.json``.

    Examples
    --------
    >>> name_of(Path("models/Qwen3-Mine/config.json"))
    'qwen3_mine'
    """
    stem = path.stem.removesuffix("_config").removesuffix(".config")
    return plain_name(path.absolute().parent.name if stem == "config" else stem) or "model"


def _wrong(file: str, message: str, **more: str) -> PlanError:
    return PlanError([Problem(message, Place(file), **more)])  # type: ignore[arg-type]
