"""What a check found."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """Whether a claim of the documents is right as they state it, and the numbers that say so.

    holds: False means contradicted.
    sentence: one English sentence, with the numbers.
    numbers: what the answer rests on, by name; all finite.

    Raises ValueError on a number that is not finite, and on a sentence that does not end.
    """

    holds: bool
    sentence: str
    numbers: dict[str, float]

    def __post_init__(self) -> None:
        for name, number in self.numbers.items():
            if not math.isfinite(number):
                raise ValueError(f"the number {name} of a check is {number}: count what is not finite instead")
        if not self.sentence.endswith("."):
            raise ValueError(f"a check says a whole sentence, with its full stop, not {self.sentence!r}")
