"""What one replica can take at once, and how requests are counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gigaplan.inference.requests.records import Rules
from gigaplan.vocabulary.errors import InputError

MOST_WAITING = 1 << 40
"""More requests than ever wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one replica, as serving engines name them, and what is counted of its requests."""

    max_sequences: int
    """Most requests that run at once."""
    max_batched_tokens: int
    """Most tokens of one step, decoded and read."""
    kv_cache_tokens: float
    """Tokens whose keys and values fit in memory."""
    block_tokens: int = 16
    """Tokens of one block of this memory."""
    watermark_share: float = 0.01
    """Share of its blocks that admission leaves free for requests that grow."""
    longest_tokens: float = math.inf
    """Tokens of the longest request that is taken, input and output."""
    most_waiting: int = MOST_WAITING
    """Most requests that wait; one that finds so many is refused."""
    ranks: int = 1
    """Priorities that are distinguished."""
    tokens_per_step: float = 1.0
    """Tokens that a step yields for each request; more than one with speculative decoding."""
    prefix_tokens: int = 0
    """Tokens of each hash of a prompt's prefix; 0 without a prefix cache."""
    gather_prompts: int = 1
    """Prompts that are read together, as groups of data parallel attention wait for one another; fewer wait while
    requests decode."""
    gather_steps: int = 50
    """Steps after which they are read though they are fewer (TensorRT-LLM's ``timeout_iters``)."""
    first_s: float = 0.0
    """Time of the front end for each request, outside the replica [s]."""
    first_token_s: float = 0.0
    """Further time of the front end for each token of the prompt [s]."""
    ttft_s: float = math.inf
    """Longest time to first token of a good request [s]."""
    tpot_s: float = math.inf
    """Longest mean time per token of a good request [s]."""

    def rules(self) -> Rules:
        """Return the limits as compiled code reads them.

        Returns
        -------
        Rules
            Limits in blocks and steps.

        Raises
        ------
        InputError
            If they leave no room for any request, or a step has fewer tokens than requests.
        """
        for name in ("max_sequences", "max_batched_tokens", "block_tokens", "ranks", "gather_prompts"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.block_tokens & (self.block_tokens - 1):
            raise InputError(f"block_tokens is {self.block_tokens}; it must be a power of two, as 16")
        if self.max_batched_tokens < self.max_sequences:
            raise InputError(
                f"a step of {self.max_batched_tokens:,} tokens can't decode {self.max_sequences:,} requests; "
                "give it as many tokens as requests, or more"
            )
        shift = max(round(math.log2(self._block / self.tokens_per_step)), 0)
        steps = 1 << shift
        tokens = steps * self.tokens_per_step
        blocks = int(min(self.kv_cache_tokens, 2.0**60) // tokens)
        if blocks < 1:
            raise InputError(f"memory for {self.kv_cache_tokens:,.0f} tokens holds no block of {self._block}")
        return Rules(
            most=self.max_sequences,
            budget=self.max_batched_tokens,
            blocks=blocks,
            block_steps=steps,
            shift=shift,
            growth=float(self.tokens_per_step),
            reserve=int(self.watermark_share * blocks),
            longest=int(min(self.longest_tokens, 2.0**60)),
            most_waiting=self.most_waiting,
            first_s=self.first_s,
            first_token_s=self.first_token_s,
            ttft_s=self.ttft_s,
            tpot_s=self.tpot_s,
            gather=min(self.gather_prompts, self.max_sequences),
            gather_steps=self.gather_steps,
            node_tokens=self.prefix_tokens,
            node_blocks=max(int(self.prefix_tokens // tokens), 1) if self.prefix_tokens else 0,
        )

    @property
    def _block(self) -> int:
        """Tokens of a block: no more than those of a hash."""
        return min(self.block_tokens, self.prefix_tokens or self.block_tokens)
