"""Claims as a document: the language in which a claim is written, and the reader that checks it.

``docs/decisions/0017-claims-are-data.md`` describes the language; :mod:`gigaplan.claims` evaluates it.
"""

from gigaplan.plan.claims.files import DEFAULT, plan_claims, read, shipped, shipped_ids
from gigaplan.plan.claims.language import ClaimSet

__all__ = ["DEFAULT", "ClaimSet", "plan_claims", "read", "shipped", "shipped_ids"]
