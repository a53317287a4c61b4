"""Accuracy: intervals and validity of answers from the residuals that they had on measured rows."""
