"""The contact sheet as one figure, for files and TensorBoard; on the page the images stand with their text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.compare.contact import Card, Guess
from experiments.report.figure_words import brief
from experiments.report.figures import SIDES, Drawing, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6
LONGEST_NAME = 16  # characters for which a column has room; the page itself has the whole names


def contact_figure(cards: Sequence[Card], names: tuple[str, str]) -> Drawing:
    """Every card's image, with its true class above and both predictions below; a right one has a tick."""
    rows = -(-len(cards) // COLUMNS)

    def paint(figure: "Figure") -> None:
        figure.get_layout_engine().set(h_pad=0.09)  # type: ignore[union-attr, call-arg]
        for place, card in enumerate(cards):
            axes = figure.add_subplot(rows, COLUMNS, place + 1)
            image = card.image
            assert image is not None
            axes.imshow(image, cmap="gray" if image.shape[-1] == 1 else None, interpolation="none")
            axes.set_title(brief(card.true, LONGEST_NAME), fontsize=7.5, loc="center", pad=3)
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set_visible(False)
            for row, (letter, guess, colour) in enumerate(zip("AB", (card.a, card.b), SIDES, strict=True)):
                axes.text(
                    0.5, -0.05 - 0.14 * row, f"{letter} {_said(guess)}", transform=axes.transAxes, ha="center",
                    va="top", fontsize=6.5, color=colour, fontweight="bold" if guess.right else "normal",
                )  # fmt: skip

    alt = (
        f"The {len(cards)} test images on which {names[0]} and {names[1]} disagree most, with the true class above and"
        " both predictions with their probabilities below; a tick marks a right one."
    )
    return draw("images", "The images they disagree on most", alt, paint, width=8.4, height=0.2 + 1.95 * rows)


def _said(guess: Guess) -> str:
    return f"{brief(guess.name, LONGEST_NAME)}, {100 * guess.probability:.0f} %{' ✓' if guess.right else ''}"
