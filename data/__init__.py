"""Image datasets, verified by content and kept on the device."""
