"""Everything in one command: the checks and the studies that claims need, then the report."""
