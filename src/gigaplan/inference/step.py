"""Times of one pipeline stage: a decode step of a batch, the prefill of a prompt, and a step that does both.

The operators are in :mod:`gigaplan.inference.operators`, what lies on which GPU in
:mod:`gigaplan.inference.placement`. All arguments broadcast; a scalar gives what a vector of it gives.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from gigaplan.inference import operators
from gigaplan.inference.placement import Placement
from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True)
class Decode:
    """Time of one decode step of one stage by operator; all arrays have the step's shape."""

    projections: Array
    """Attention projections of all layers [s]."""
    attention: Array
    """Scores and values of all layers [s]."""
    feed_forward: Array
    """Dense, routed and shared feed-forward of all layers [s]."""
    collectives: Array
    """All-reduces or all-to-alls of all layers [s]."""
    activations: Array
    """Small kernels of all layers, bound by memory [s]."""
    head: Array
    """Output head [s]."""
    overhead: Array
    """Kernel launches, scheduler and sampling [s]."""

    @property
    def total(self) -> Array:
        """The whole step [s]."""
        return (
            self.projections
            + self.attention
            + self.feed_forward
            + self.collectives
            + self.activations
            + self.head
            + self.overhead
        )


@dataclass(frozen=True, slots=True)
class Stage(Placement):
    """One pipeline stage at work: a :class:`~gigaplan.inference.placement.Placement` with the times of its steps.

    Examples
    --------
    A decode step of Llama 3.1 8B on one GPU is no faster than its weights are read:

    >>> from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of
    >>> from gigaplan import catalog
    >>> facts, one = catalog.load(), np.array(1.0)
    >>> h100, llama = device_of(facts, "h100_hgx"), model_of(facts, "llama_3_1_8b")
    >>> stage = Stage(h100, llama, "fp8", efficiency_of(facts), engine_of(facts, "vllm"), one, one, 0 * one)
    >>> bool(stage.decode_s(one, 1000 * one) > stage.weight_bytes() / h100.hbm_bandwidth_bytes_per_s)
    True
    """

    def decode(self, batch: Array, context: Array) -> Decode:
        """Return the time of one decode step by operator.

        Parameters
        ----------
        batch : Array, shape (...)
            Requests in flight on the stage [requests].
        context : Array, shape (...)
            Mean tokens of a request so far [tokens].

        Returns
        -------
        Decode
            Times of the operators, arrays of shape (...) [s].
        """
        rows = self.requests_per_rank(batch)
        return Decode(
            projections=self.layers * operators.projections_s(self, rows),
            attention=self.layers * operators.decode_attention_s(self, rows, context),
            feed_forward=operators.feed_forward_s(self, batch, rows),
            collectives=self.layers * operators.collectives_s(self, rows),
            activations=self.layers * operators.activations_s(self, rows),
            head=operators.head_s(self, rows),
            overhead=self._overhead_s(rows),
        )

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time that one stage takes for a further token of each request.

        With speculative decoding a step verifies the drafts of each request as well, and yields ``accepted_tokens`` on
        average (Leviathan et al. 2023). Each draft takes a pass of one layer and the head, one after another, as each
        follows the last (DeepSeek-AI 2024, section 2.2; Li et al. 2024).

        Parameters
        ----------
        batch : Array, shape (...)
            Requests in flight on the stage [requests].
        context : Array, shape (...)
            Mean tokens of a request so far [tokens].

        Returns
        -------
        Array, shape (...)
            Time per token of each request [s].
        """
        if not self.drafts.number:
            return self.decode(batch, context).total
        # Verification is a step of several tokens a request, which mixed_step_s gives with no prompt in it.
        nothing = np.zeros_like(self.gpus)
        step = self.mixed_step_s(batch, context, nothing, nothing)
        return (step + self.drafts.number * self.draft_s(batch, context)) / self.drafts.accepted_tokens

    def draft_s(self, batch: Array, context: Array) -> Array:
        """Return the time of one draft of each request: a pass of one layer, its launches and the head.

        Parameters
        ----------
        batch : Array, shape (...)
            Requests in flight on the stage [requests].
        context : Array, shape (...)
            Mean tokens of a request so far [tokens].

        Returns
        -------
        Array, shape (...)
            Time of one pass, spread over the stages [s].
        """
        of = self.decode(batch, context)
        layers = of.projections + of.attention + of.feed_forward + of.collectives + of.activations + self._launches_s()
        return layers / self.architecture.layers + of.head + self.engine.draft_overhead_s

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        """Return the time of the whole stage that the prefill of one prompt takes, with nothing else in the step.

        With data parallel attention each group computes a prompt of its own at the same time, so one prompt takes its
        share of the step, ``step / attention_dp``; its own latency is the whole step.

        Parameters
        ----------
        uncached : Array, shape (...)
            Tokens of the prompt that are computed [tokens].
        cached : Array, shape (...)
            Tokens of the prompt whose keys and values are in the cache [tokens].

        Returns
        -------
        Array, shape (...)
            Time of the stage per prompt [s]; zero where all tokens are cached.
        """
        # One prompt for each group, since a group without one would wait for the others' collectives.
        no_one = np.zeros_like(uncached * self.gpus)
        step = self._layers_s(no_one, no_one, uncached, cached, self.attention_dp) + self._launches_s()
        return np.where(uncached > 0, step / self.attention_dp, 0.0)

    def lone_prompt_s(self, uncached: Array) -> Array:
        """Return the time of a step in which one group of data parallel attention reads a prompt and the others none.

        Attention and what each GPU does for its own tokens take the group as long as if all had a prompt; experts,
        which the whole stage shares, have one prompt's tokens.

        Parameters
        ----------
        uncached : Array, shape (...)
            Tokens of the prompt, all computed [tokens].

        Returns
        -------
        Array, shape (...)
            Time of the step of one stage [s]; without such groups that of :meth:`prefill_s`.
        """
        nothing = np.zeros_like(uncached * self.gpus)
        per_layer = (
            operators.projections_s(self, uncached)
            + operators.prefill_attention_s(self, self.attention_dp, uncached, nothing)
            + operators.collectives_s(self, uncached)
            + operators.activations_s(self, uncached)
        )
        step = self.layers * per_layer + operators.feed_forward_s(self, uncached, uncached)
        return np.asarray(step + self._launches_s())

    def mixed_step_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        """Return the time of one mixed-batch step: the decode of a batch and the prefill of one prompt together.

        Both go through the layers together, so that weights are read and kernels launched once (chunked prefill:
        Agrawal et al. 2023).

        Parameters
        ----------
        batch : Array, shape (...)
            Requests that decode [requests].
        context : Array, shape (...)
            Mean tokens of such a request so far [tokens].
        uncached : Array, shape (...)
            Tokens of the prompt that are computed [tokens].
        cached : Array, shape (...)
            Tokens of the prompt whose keys and values are in the cache [tokens].

        Returns
        -------
        Array, shape (...)
            Time of the step of one stage [s].
        """
        rows = self.requests_per_rank(batch)
        overhead = self._overhead_s(rows)
        # Only tokens that are sampled go through the head: a prompt's last one is too few to count.
        head = operators.head_s(self, rows * self.verified_tokens)
        return self._layers_s(batch, context, uncached, cached) + head + overhead

    def pipeline_send_s(self, rows: Array) -> Array:
        """Return the time to send the activations of some tokens to the next pipeline stage.

        Parameters
        ----------
        rows : Array, shape (...)
            Tokens that travel [tokens].

        Returns
        -------
        Array, shape (...)
            Time of the send [s]; zero where there is one stage.
        """
        return operators.pipeline_send_s(self, rows)

    def launch_bound_s(self) -> Array:
        """Return the time that the host takes to launch the kernels of one prefill.

        Decode steps are replayed from a graph; prefills are not, so that a short one is bound by its launches.

        Returns
        -------
        Array, shape of the layouts
            Time of the launches [s].
        """
        return operators.kernels_of_stage(self) * self.engine.eager_launch_s

    def _layers_s(
        self, batch: Array, context: Array, uncached: Array, cached: Array, prompts: Array | float = 1.0
    ) -> Array:
        """Return the time of all layers [s] for a batch that decodes and the uncached tokens of each prompt."""
        prefill_rows = prompts * uncached / self.attention_dp
        rows = self.requests_per_rank(batch) * self.verified_tokens + prefill_rows
        prefill = operators.prefill_attention_s(self, prompts, uncached, cached)
        per_layer = (
            operators.projections_s(self, rows)
            + prefill
            + operators.collectives_s(self, rows)
            + operators.activations_s(self, rows)
        )
        # Attention alone keeps prompts and decoding requests apart; all else sees rows, whosever they are.
        decode = operators.decode_attention_s(self, self.requests_per_rank(batch), context, self.verified_tokens)
        tokens = batch * self.verified_tokens + prompts * uncached
        return self.layers * (per_layer + decode) + operators.feed_forward_s(self, tokens, rows)

    def _overhead_s(self, rows: Array) -> Array:
        """Return the time of launches, scheduler and sampling of one step [s]."""
        return self._launches_s() + self.engine.step_overhead_s + rows * self.engine.request_overhead_s

    def _launches_s(self) -> Array:
        """Return the time of the stage's kernel launches in a step that a graph holds [s]."""
        return operators.kernels_of_stage(self) * self.engine.kernel_overhead_s


def dominant_operator(stage: Stage, at: tuple[int, ...], batch: float, context: float, prefill_s: float = 0.0) -> str:
    """Return what takes most of one stage's cycle: an operator of the decode step, or prefill.

    Parameters
    ----------
    stage : Stage
        Layouts, of which one is looked at.
    at : tuple of int
        Index of that layout in the stage's arrays.
    batch : float
        Requests in flight on the stage [requests].
    context : float
        Mean tokens of a request so far [tokens].
    prefill_s : float
        Time of the prefills in the cycle [s].

    Returns
    -------
    str
        'prefill', or the name of a field of :class:`Decode` with spaces.
    """
    gpus, pipeline, dp_attention = (np.array([x[at]]) for x in (stage.gpus, stage.pipeline, stage.dp_attention))
    # Evaluated anew for one layout: keeping every operator of the whole search would cost memory in the hot path.
    one = replace(stage, gpus=gpus, pipeline=pipeline, dp_attention=dp_attention)
    step = one.decode(np.array([batch]), np.array([context]))
    times = {f.name: float(np.max(getattr(step, f.name))) for f in fields(Decode)} | {"prefill": prefill_s}
    return max(times, key=lambda name: times[name]).replace("_", " ")
