"""The report: pages that put the claims, their verdicts, the studies, the checks and the norms side by side."""
