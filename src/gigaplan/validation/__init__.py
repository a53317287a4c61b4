"""Validation: published measurements, our number, the error."""
