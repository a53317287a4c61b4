"""Validation: published measurements, predictions, and their errors."""
