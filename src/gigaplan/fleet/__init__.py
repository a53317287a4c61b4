"""Fleet: the delivery ladder from announced megawatts to GPUs that produce tokens, and what limits it when."""
