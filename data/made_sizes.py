"""The sizes of data that are made on the spot."""

MOST_CLASSES = 1_000_000  # each has a name


def check_sizes(**sizes: int) -> None:
    """Raise ValueError for a setting of the dataset that is no size."""
    for key, value in sizes.items():
        if value < 1:
            raise ValueError(f"dataset.{key}={value} is not positive: give at least 1")
    if sizes["num_classes"] > MOST_CLASSES:
        raise ValueError(f"dataset.num_classes={sizes['num_classes']} is too many: give at most {MOST_CLASSES:,}")
