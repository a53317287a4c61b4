"""Allocation: what is served when capacity is short. Guarantees first, then by value per GPU-hour."""
