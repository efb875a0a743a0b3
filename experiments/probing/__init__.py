"""What probes are built from: the live state they look at, the layers they look for, and how often they are due."""
