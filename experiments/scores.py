"""The scores of a network on all splits of a run: the curves of each epoch and the numbers of its result."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from data.batches import epoch_order, evaluation_parts
from data.split_images import SplitImages
from experiments.evaluate import Evaluation, batch_statistics, evaluation_mode, even_parts, predict
from experiments.ranks import ALONE, Ranks
from experiments.settings import Settings


@dataclass(frozen=True)
class Scores:
    """What one evaluation of a run found."""

    curves: dict[str, float]  # for metrics.csv and TensorBoard
    splits: dict[str, Evaluation]  # whole splits by name; `train` only where all of it was evaluated

    @property
    def finite(self) -> bool:
        """Whether every split's loss is a number."""
        return all(math.isfinite(split.loss) for split in self.splits.values())


class Scorer:
    """Evaluates a network in the two modes of the project's first question.

    Evaluation mode on a fixed random sample of the training images (on all of them when `whole` is asked for), on the
    validation images where there are any, and on the test images; training mode (batch statistics, nothing updated,
    dropout off) on the test images in even batches of the training batch size.
    """

    def __init__(self, splits: dict[str, SplitImages], settings: Settings, ranks: Ranks = ALONE):
        self._splits, self._settings, self._ranks = splits, settings, ranks
        count = len(splits["train"])
        self._sample = epoch_order(0, 0, count)[: settings.train_evaluation or count].sort().values
        # Always the same shuffle of the test images: some test sets are sorted by difficulty.
        self._shuffled = epoch_order(0, 0, len(splits["test"]))

    def score(self, model: nn.Module, whole: bool) -> Scores:
        """Evaluate; `whole` also on every training image."""
        curves: dict[str, float] = {}
        splits: dict[str, Evaluation] = {}
        with evaluation_mode(model):
            for name, images in self._splits.items():
                if name == "train" and not whole:
                    shown = self._predict_sample(model, images)
                else:
                    splits[name] = self._predict_all(model, images)
                    shown = splits[name].at(self._sample) if name == "train" else splits[name]
                curves |= {f"accuracy/{name}": shown.accuracy, f"loss/{name}": shown.loss}
        curves |= {"eval_mode/accuracy": splits["test"].accuracy, "eval_mode/loss": splits["test"].loss}
        if len(self._shuffled) > 1:  # one image alone has no batch statistics
            with batch_statistics(model):
                parts = even_parts(self._shuffled, self._settings.batch_size)
                mixed = self._predict(model, self._splits["test"], parts)
            curves |= {"train_mode/accuracy": mixed.accuracy, "train_mode/loss": mixed.loss}
        return Scores(curves, splits)

    def _predict_all(self, model: nn.Module, images: SplitImages) -> Evaluation:
        return self._predict(model, images, evaluation_parts(images, self._settings.evaluation_batch_size))

    def _predict_sample(self, model: nn.Module, images: SplitImages) -> Evaluation:
        parts: tuple[Tensor, ...] = torch.split(self._sample, self._settings.evaluation_batch_size)
        return self._predict(model, images, parts)

    def _predict(self, model: nn.Module, images: SplitImages, parts: Sequence[Tensor]) -> Evaluation:
        """Predictions on the images of all `parts`, in their order; each of several processes shows some of them."""
        mine = self._ranks.share(parts)
        if self._ranks.size == 1:
            return predict(model, images.batches(mine), self._settings.precision)
        found = [] if not mine else _split(predict(model, images.batches(mine), self._settings.precision), mine)
        every = self._ranks.dealt_back(found)
        return Evaluation(torch.cat([one.logits for one in every]), torch.cat([one.labels for one in every]))


def _split(found: Evaluation, parts: Sequence[Tensor]) -> list[Evaluation]:
    """The predictions on each of the parts, one after the other, that were shown."""
    sizes = [len(part) for part in parts]
    pieces = zip(found.logits.split(sizes), found.labels.split(sizes), strict=True)
    return [Evaluation(logits, labels) for logits, labels in pieces]
