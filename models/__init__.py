"""Networks and normalization layers."""
