"""Charts of the report, written as SVG directly: text stays text, colours follow the scheme, and a chart takes no time."""
