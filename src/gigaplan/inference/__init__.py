"""Inference: how fast a system serves a model within its limits of time to first token and time per token."""
