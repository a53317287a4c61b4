"""Layers: questions about one layer alone, such as a serving frontier, a training job, several sites, failures."""
