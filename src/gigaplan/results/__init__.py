"""Results: the one labelled result, kept by name, aggregated by rule, sliced, compared and exported."""
