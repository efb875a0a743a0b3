"""The width multiplier of a network."""

MOST = 2**31 - 1  # channels or units of a layer; memory ends long before


def widened(num_channels: int, width: float) -> int:
    """`num_channels` times `width`, rounded. Raises ValueError if that leaves no channel, or too many."""
    if not 0 < width < float("inf") or (wide := round(num_channels * width)) < 1:
        raise ValueError(
            f"model.width={width} leaves no channels out of {num_channels}: give a number such as 0.5, 1 or 2"
        )
    if wide > MOST:
        raise ValueError(f"model.width={width} makes {wide:.3g} channels out of {num_channels}: give at most {MOST:,}")
    return wide
