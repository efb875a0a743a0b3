"""Everything that happens to a network: training, evaluation, checkpoints, records."""
