"""Studies: small grids of runs that answer a question, defined in `conf/study`, run and shown by one command."""
