"""Report: select and draw, never recompute. Terminal, charts and one self-contained HTML page."""
