"""Couplings: where the answer of one room is the input of another."""
