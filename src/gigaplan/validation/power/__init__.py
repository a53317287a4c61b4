"""Validation of power: what a node draws in training against measured nodes."""
