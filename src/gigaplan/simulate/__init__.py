"""Simulate: the engine, its couplings and the laws that every run keeps."""
