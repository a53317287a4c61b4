"""Allocation: who is served when there is not enough. Guarantees first, then by value per GPU-hour."""
