"""How fast the project computes: against the usual way, the bare network and the machine, and as whole programs."""
