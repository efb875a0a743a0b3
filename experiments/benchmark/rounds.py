"""Slices of several contenders in turn: what the machine does meanwhile, it does to all of them."""

from collections.abc import Callable, Mapping

Slice = dict[str, float]


def in_rounds(
    measure: Mapping[str, Callable[[], Slice]], rounds: int, go_on: Callable[[], bool] = lambda: True
) -> dict[str, list[Slice]]:
    """`rounds` slices of each, one of each a round; every other round goes backwards.

    Args:
        go_on: asked before every round but the first; no ends it early.
    """
    slices: dict[str, list[Slice]] = {name: [] for name in measure}
    for number in range(rounds):
        if number > 0 and not go_on():
            break
        for name in list(measure)[:: -1 if number % 2 else 1]:
            slices[name].append(measure[name]())
    return slices
