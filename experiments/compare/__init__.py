"""Two finished runs, or two groups of them, side by side."""
