"""Anyone's own things: models by their configuration, systems and regions, next to those of the catalog."""
