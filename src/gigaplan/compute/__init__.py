"""Compute: what a transformer asks of a device, and what a device can give (roofline, collectives, memory)."""
