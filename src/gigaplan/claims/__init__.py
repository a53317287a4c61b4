"""Claims: statements that a plan's result can be checked against, and the evaluator that gives each a verdict.

``read`` a set of claims by name or path, and ``evaluate`` it on a result::

    claims.evaluate(result, catalog.load(), [claims.read("amd-openai-2025-10")])
"""

from gigaplan.claims.evaluator import evaluate, unjudged
from gigaplan.plan.claims import ClaimSet, read, shipped

__all__ = ["ClaimSet", "evaluate", "read", "shipped", "unjudged"]
