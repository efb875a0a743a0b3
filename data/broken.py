"""What is raised for image files that are no images. Importing it takes no PyTorch."""


class BrokenImage(ValueError):
    """A file that cannot be decoded; the message names it."""
