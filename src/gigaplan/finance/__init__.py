"""Finance: capital, operating cost, depreciation, milestone tranches, the funding gap, cost per million tokens."""
