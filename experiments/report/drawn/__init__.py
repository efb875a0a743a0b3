"""The kinds of charts as figures, a file each: from the curves of runs to a sketch whose parts can be looked at."""
