"""From samples of runs to a verdict on what is claimed of them: statistics without any input or output."""
