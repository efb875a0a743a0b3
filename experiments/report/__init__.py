"""What every page and figure shares: one style of figures, one style sheet, one way to render HTML."""
