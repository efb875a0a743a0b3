"""What probes found, shown: on a page of runs, in sections of the pages of studies, as pictures in TensorBoard."""
