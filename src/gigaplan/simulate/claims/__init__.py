"""Claims: the announcement's lines as statements that a machine can check, each with the figures that decide it."""

from gigaplan.simulate.claims.verdict import Claim, Figure, Verdict

__all__ = ["Claim", "Figure", "Verdict"]
