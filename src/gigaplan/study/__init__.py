"""Study: many runs of a plan, and two results side by side."""
