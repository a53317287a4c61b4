"""Validation against measured kernels: step times of the model and of NVIDIA's tables."""
