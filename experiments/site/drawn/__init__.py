"""Charts of the report, written as SVG directly: they take no time, and their colours follow the reader's scheme."""
