"""Simulate: the engine, its couplings and laws, the one labelled result and how it is kept."""
