"""What a serving configuration may choose from."""

from __future__ import annotations

ENGINES = ("vllm", "sglang", "trtllm")
"""Serving engines with calibrated constants."""
PRECISIONS = ("bf16", "fp8", "fp4")
"""Precisions of weights, from wide to narrow."""
