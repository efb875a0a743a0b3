"""The figures of a comparison, each a function from its numbers to drawings."""
