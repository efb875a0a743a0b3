"""The crash test: commands killed at any moment and started again, and one process that makes many runs."""
