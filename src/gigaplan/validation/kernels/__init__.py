"""Validation beside measured kernels: our step times and those of NVIDIA's tables."""
