"""How far predictions are to be trusted: intervals and validity from the residuals in the catalog, by plain keys."""
