"""Claims: statements that a plan's result can be checked against, and the evaluator that gives each a verdict."""
