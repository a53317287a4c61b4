"""Training: how long a run takes on which GPUs, what failures leave of it, and what can be trained by when."""
