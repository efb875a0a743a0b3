"""Document 003's listing: a perceptron 128-256-32-10 on random numbers, with a batch norm and a layer norm."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from experiments.checks import attempt
from experiments.checks.evidence import Evidence
from experiments.checks.made_up_numbers import normal, seeded

SAMPLES, FEATURES, CLASSES = 1000, 128, 10
BATCH, EPOCHS, RATE = 100, 10, 1e-3  # the listing's, the batch as in the document's worked case
DEFINED: Mapping[str, object] = {"torch": torch, "nn": nn, "F": F, "optim": torch.optim}


def _draw_labels(x: Tensor, seed: int) -> Tensor:
    """The listing's labels: whole numbers from 0, drawn below 9 whatever the sample."""
    return torch.randint(0, 9, (len(x),), generator=torch.Generator().manual_seed(seed))


def _networks() -> list[nn.Module]:
    """The listing's only one."""
    return [
        nn.Sequential(
            nn.Linear(FEATURES, 256), nn.BatchNorm1d(256), nn.ReLU(),
            nn.Linear(256, 32), nn.LayerNorm(32), nn.ReLU(),
            nn.Linear(32, CLASSES),
        )
    ]  # fmt: skip


def listing_mixed_mlp_defines_its_loader(names: Mapping[str, object] = DEFINED) -> Evidence:
    """Claim 3.13: the listing runs. Held if the loader of batches that its training loop goes through is defined."""
    x = normal(SAMPLES, FEATURES).float()
    error = attempt.run("for samples, labels in train_loader: pass", {**names, "X": x, "y": _draw_labels(x, 1)})
    return Evidence(
        holds=error is None,
        sentence=f"With what the listing imports and defines its training loop ends in {attempt.words(error)}.",
        numbers={"missing_names": int(isinstance(error, NameError))},
    )


def listing_mixed_mlp_has_labels_of_all_classes(labels: Callable[[Tensor, int], Tensor] = _draw_labels) -> Evidence:
    """Claim 3.13: the labels are those of the network's 10 classes. Held if all of them occur among 100,000 labels.

    The upper bound of the draw is exclusive.
    """
    drawn = labels(torch.zeros(100_000, 1), 1)
    found = len(drawn.unique())
    return Evidence(
        holds=found == CLASSES,
        sentence=(
            f"{len(drawn):,} draws hold {found} of the {CLASSES} classes, from {drawn.min().item()} to "
            f"{drawn.max().item()}."
        ),
        numbers={"classes_drawn": found, "classes": CLASSES, "largest_label": drawn.max().item()},
    )


def listing_mixed_mlp_data_can_be_learned(labels: Callable[[Tensor, int], Tensor] = _draw_labels) -> Evidence:
    """Claim 3.13: the losses of the listing's run tell something about training.

    Held if, trained as the listing has it, its network is right on new samples more often than guessing among the
    classes that occur, by four standard errors. Labels drawn apart from the samples can only be memorized.
    """
    x, new = normal(SAMPLES, FEATURES, seed=1).float(), normal(10_000, FEATURES, seed=2).float()
    y, y_new = labels(x, 1), labels(new, 2)
    with seeded():
        network = _networks()[0]
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    for epoch in range(EPOCHS):
        order = torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(epoch))
        for indices in order.split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(network(x[indices]), y[indices]).backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        seen, unseen = ((network(a).argmax(1) == b).double().mean().item() for a, b in ((x, y), (new, y_new)))
    guessing = y_new.bincount().max().item() / len(y_new)
    error = (guessing * (1 - guessing) / len(y_new)) ** 0.5
    return Evidence(
        holds=unseen > guessing + 4 * error,
        sentence=(
            f"After {EPOCHS} epochs the network is right on {100 * seen:.1f} % of the samples it was trained on and on "
            f"{100 * unseen:.1f} % of {len(new):,} new ones, where always naming the most frequent class is right on "
            f"{100 * guessing:.1f} %."
        ),
        numbers={"accuracy_seen": seen, "accuracy_new": unseen, "accuracy_of_guessing": guessing},
    )


def listing_mixed_mlp_compares_the_norms(networks: Callable[[], Sequence[nn.Module]] = _networks) -> Evidence:
    """Claim 3.13: running the listing shows how batch norm and layer norm differ in training.

    Held if it has two networks that differ in the norm: one with batch norms alone and one with layer norms alone.
    """
    with seeded():
        made = networks()
    kinds = [{type(module) for module in one.modules()} & {nn.BatchNorm1d, nn.LayerNorm} for one in made]
    pure = {kind for one in kinds if len(one) == 1 for kind in one}
    mixed = sum(len(one) > 1 for one in kinds)
    return Evidence(
        holds=len(pure) == 2,
        sentence=(
            f"Networks in the listing: {len(made)}; with batch norm and layer norm in one: {mixed}; kinds of norm that "
            f"have a network to themselves: {len(pure)} of 2."
        ),
        numbers={"networks": len(made), "networks_with_both": mixed, "norms_alone": len(pure)},
    )
