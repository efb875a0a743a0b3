"""The width multiplier of a network."""


def widened(num_channels: int, width: float) -> int:
    """`num_channels` times `width`, rounded. Raises ValueError if that leaves no channel."""
    if not 0 < width < float("inf") or (wide := round(num_channels * width)) < 1:
        raise ValueError(
            f"model.width={width} leaves no channels out of {num_channels}: give a number such as 0.5, 1 or 2"
        )
    return wide
