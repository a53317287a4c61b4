"""What a serving configuration may choose from."""

from __future__ import annotations

ENGINES = ("vllm", "sglang", "trtllm")
"""Serving engines with calibrated constants."""
PRECISIONS = ("bf16", "fp8", "fp4")
"""Precisions of weights, from wide to narrow."""

ROUTERS = ("round_robin", "session_sticky", "least_outstanding", "least_kv", "prefix_aware")
"""Ways to give requests to replicas; the first two don't look at these, which can then be simulated one by one."""
