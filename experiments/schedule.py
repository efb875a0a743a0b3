"""The learning rate as a pure function of the step, so that there is no scheduler state to save or restore."""

import math

from experiments.settings import Recipe


def learning_rate(recipe: Recipe, step: int, total_steps: int) -> float:
    """The rate of optimizer step `step` (0 … total_steps − 1).

    With w = round(warmup · total_steps) the rate first rises linearly, lr · (step + 1) / w, then follows the schedule:

    - `constant`: lr
    - `step`: lr · factor^k, k the number of milestones (shares of all steps) reached (He et al. 2015, §4.2)
    - `cosine`: lr · ½ (1 + cos π t), t = (step − w) / (total_steps − w) (Loshchilov & Hutter 2017, eq. 5, one cycle)
    - `one_cycle`: lr · (1 − t), a linear descent toward zero (the triangle of Smith 2018, without its tail)
    """
    warmup_steps = round(recipe.warmup * total_steps)
    if step < warmup_steps:
        return recipe.lr * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    match recipe.schedule:
        case "constant":
            return recipe.lr
        case "step":
            return recipe.lr * recipe.factor ** sum(step >= round(share * total_steps) for share in recipe.milestones)
        case "cosine":
            return recipe.lr * 0.5 * (1 + math.cos(math.pi * progress))
        case "one_cycle":
            return recipe.lr * (1 - progress)
