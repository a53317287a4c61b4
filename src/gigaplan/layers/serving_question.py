"""The question of a serving frontier, and what it may not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from gigaplan.inference.options import ENGINES, PRECISIONS
from gigaplan.plan.ratings import GpuPower
from gigaplan.plan.resolve.drafts import MOST_DRAFTS
from gigaplan.vocabulary.bases import Profile
from gigaplan.vocabulary.errors import Place, Problem, allowed_names, nearest_name
from gigaplan.vocabulary.options import Option, Quantity

Mode = Literal["co-located", "disaggregated"]

MODES: tuple[Mode, ...] = ("co-located", "disaggregated")

PLACE = Place("frontier")
DEFAULT_TOKENS = 1024.0
"""In and out where a question leaves them open [token]: the shortest lengths that benchmarks publish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingQuestion:
    """What is served, the longest waits that are allowed, and the software that serves."""

    input_tokens: Annotated[float, Option("isl", group="Request")] = DEFAULT_TOKENS
    """Tokens of the prompt, cached ones included."""
    output_tokens: Annotated[float, Option("osl", group="Request")] = DEFAULT_TOKENS
    """Output tokens, reasoning included."""
    cached_tokens: Annotated[float, Option("cached", group="Request")] = 0.0
    """Tokens of the prompt whose keys and values are in the cache."""
    ttft_s: Annotated[float, Option("ttft", group="Request", words=True), Quantity("s", "2 s")] = 2.0
    """Longest time to the first token, as "2 s"."""
    tpot_s: Annotated[float, Option("tpot", group="Request", words=True), Quantity("s", "50 ms")] = 0.05
    """Longest time per further token, as "50 ms"."""
    precision: Annotated[str, Option(group="Model and system", choices=tuple(PRECISIONS))] = ""
    """Precision of the weights (default: the narrowest that the system computes in)."""
    engine: Annotated[str, Option(group="Model and system", choices=tuple(ENGINES))] = "trtllm"
    """Serving software whose measured constants are used."""
    engine_version: Annotated[str, Option(group="Model and system")] = ""
    """Release of the engine, as 0.12.0 (default: the mean of the measured ones of this model and system)."""
    drafts: Annotated[int, Option(group="Model and system")] = 0
    """Tokens drafted for each step and verified in the next (speculative decoding), 1 to 8 (default: none)."""
    accepted_tokens: Annotated[float, Option(group="Model and system")] = 0.0
    """Tokens that a step with drafts yields, the verified one included (default: what is published for the model)."""
    profile: Annotated[str, Option(group="Model and system", choices=tuple(Profile))] = Profile.MAX_Q.value
    """Power profile of systems that have several: max_q (efficiency), as plans take it, or max_p (performance)."""
    power_per_gpu_w: Annotated[
        float, Option("gpu-power", group="Model and system", words=True), Quantity("W", "1500 W")
    ] = 0.0
    """Most that one GPU may draw, as "1500 W" (default: what its profile allows); it sets the clock."""
    modes: tuple[Mode, ...] = MODES
    """Ways of serving: prefill and decode co-located on the same workers, disaggregated, or both."""
    overlays: Annotated[tuple[str, ...], Option("with", group="Model and system")] = ()
    """Overlay of "gigaplan calibrate serving" with constants of your own. May be repeated, in order."""
    gpus: Annotated[int, Option(group="Layout")] = 0
    """GPUs of a fleet: also show the layout of which whole replicas serve most on them together."""
    model_configs: Annotated[tuple[str, ...], Option("model-config", group="Model and system")] = ()
    """Hugging Face config.json of a model of your own, as my_model=config.json; MODEL then names it. May be
    repeated."""
    system_configs: Annotated[tuple[str, ...], Option("system-config", group="Model and system")] = ()
    """YAML file of a system of your own, as my_rack=rack.yaml; SYSTEM then names it. May be repeated."""

    @property
    def power(self) -> GpuPower:
        """Power profile and limit of the GPUs."""
        return GpuPower(profile=Profile(self.profile), limit_w=self.power_per_gpu_w)


def impossible(question: ServingQuestion) -> list[Problem]:
    """Return a problem for each number that can't be, and each word that isn't known."""
    found = []
    for name, value in (
        ("input_tokens' (--isl)", question.input_tokens),
        ("output_tokens' (--osl)", question.output_tokens),
        ("ttft_s' (--ttft)", question.ttft_s),
        ("tpot_s' (--tpot)", question.tpot_s),
    ):
        if not 0 < value < float("inf"):
            remedy = "give a finite number above zero"
            found.append(Problem(f"'{name} must be above zero", PLACE, value=f"{value:g}", remedy=remedy))
    if question.gpus < 0:
        remedy = "give a number of GPUs, or leave it out"
        found.append(Problem("'gpus' (--gpus) must be above zero", PLACE, value=f"{question.gpus}", remedy=remedy))
    found += impossible_drafts(question)
    if question.input_tokens > 0 and not 0 <= question.cached_tokens < max(question.input_tokens, 1.0):
        allowed = f"0 to less than {question.input_tokens:g}, the whole prompt"
        found.append(
            Problem(
                "'cached_tokens' (--cached) must leave a token to read",
                PLACE,
                value=f"{question.cached_tokens:g}",
                allowed=allowed,
                remedy="give fewer cached tokens, or a longer input",
            )
        )
    for name, word, words in (
        ("precision", question.precision, ("", *PRECISIONS)),
        ("engine", question.engine, ENGINES),
        ("profile", question.profile, tuple(Profile)),
    ):
        if word not in words:
            found.append(
                Problem(
                    f"no such {name}",
                    PLACE,
                    value=word,
                    allowed=allowed_names(w for w in words if w),
                    nearest=nearest_name(word, words),
                    remedy=f"name one of these, or leave the {name} out",
                )
            )
    if not question.modes or set(question.modes) - set(MODES):
        found.append(
            Problem(
                "no way of serving is left",
                PLACE,
                value=", ".join(question.modes),
                allowed=", ".join(MODES),
                remedy="leave one of them",
            )
        )
    return found


def impossible_drafts(question: ServingQuestion) -> list[Problem]:
    """Return a problem for a number of drafts without published counts, and for accepted tokens that can't be."""
    number, accepted = question.drafts, question.accepted_tokens
    if not 0 <= number <= MOST_DRAFTS:
        remedy = f"give 1 to {MOST_DRAFTS}, or leave it out"
        return [Problem("no such number of 'drafts' (--drafts)", PLACE, value=f"{number}", remedy=remedy)]
    if accepted and not number:
        remedy = "give --drafts as well, or leave --accepted-tokens out"
        return [Problem("'accepted_tokens' without 'drafts'", PLACE, value=f"{accepted:g}", remedy=remedy)]
    if accepted and not 1 <= accepted <= number + 1:
        allowed = f"1 to {number + 1}, the verified token included"
        return [
            Problem(
                "'accepted_tokens' (--accepted-tokens) can't be",
                PLACE,
                value=f"{accepted:g}",
                allowed=allowed,
                remedy="give what a step yields, or leave it out for what is published",
            )
        ]
    return []
