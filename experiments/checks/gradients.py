"""The derivatives of the normalization, in float64 against finite differences."""

import torch
from torch import Tensor

from experiments.checks.evidence import Evidence
from experiments.checks.layers import BATCH_NORM, EPS, layer
from experiments.checks.made_up_numbers import normal, uneven
from models.norms.normalization import Norm

STEP = 1e-5  # of the central differences, whose error is then about 1e-10
SAME = 1e-6


class _Problem:
    """A layer with the given γ and β on 16 samples of 5 features, and a loss that is not linear in its output."""

    def __init__(self, norm: Norm, gamma: float, beta: float) -> None:
        self.x = uneven(16, 5).requires_grad_()
        self.target = normal(16, 5, seed=9)
        self.layer = layer(norm, self.x)
        self.gamma, self.beta = (getattr(self.layer, name) for name in ("weight", "bias"))
        with torch.no_grad():
            self.gamma.fill_(gamma)
            self.beta.fill_(beta)

    def loss(self) -> Tensor:
        return (self.layer(self.x) - self.target).tanh().square().sum()

    def by_differences(self, values: Tensor) -> Tensor:
        """∂L/∂values by central differences; `values` is x, γ or β."""
        found = torch.zeros(values.numel(), dtype=torch.float64)
        flat = values.detach().view(-1)
        for index, value in enumerate(flat.tolist()):
            losses = []
            for moved in (value + STEP, value - STEP):
                flat[index] = moved
                with torch.no_grad():
                    losses.append(self.loss().item())
            flat[index] = value
            found[index] = (losses[0] - losses[1]) / (2 * STEP)
        return found.view_as(values)

    def pieces(self) -> tuple[Tensor, Tensor, Tensor]:
        """The layer's output y, ∂L/∂y, and x̂ = (y − β)/γ, all (16, 5)."""
        y = self.layer(self.x).detach().requires_grad_()
        (dy,) = torch.autograd.grad((y - self.target).tanh().square().sum(), y)
        y = y.detach()
        return y, dy, ((y - self.beta) / self.gamma).detach()


def gamma_gradient_is_the_sum_with_y(norm: Norm = BATCH_NORM, gamma: float = 1.5, beta: float = 0.3) -> Evidence:
    """Claim 1.7: ∂L/∂γ = Σ ∂L/∂yᵢ · yᵢ, where y is first the normalized value, and the output is γy + β.

    It is Σ ∂L/∂(output) · x̂. Held if one of the readings with a single meaning of y gives the derivative: y as the
    output in both factors, or y as the normalized value in both. They do so only at γ = 1 and β = 0.
    """
    problem = _Problem(norm, gamma, beta)
    reference = problem.by_differences(problem.gamma)
    y, dy, x_hat = problem.pieces()
    right = _error((dy * x_hat).sum(0), reference)
    as_output = _error((dy * y).sum(0), reference)
    as_normalized = _error((dy * problem.gamma.detach() * x_hat).sum(0), reference)
    return Evidence(
        holds=min(as_output, as_normalized) < SAME,
        sentence=(
            f"At γ = {gamma:g} and β = {beta:g} the sum is off by {100 * as_output:.0f} % with y as the output and by "
            f"{100 * as_normalized:.0f} % with y as the normalized value; the output's derivative times x̂ agrees with "
            f"finite differences to {right:.0e}."
        ),
        numbers={"error_as_output": as_output, "error_as_normalized": as_normalized, "error_with_x_hat": right},
    )


def beta_gradient_is_the_sum(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 1.7: ∂L/∂β = Σ ∂L/∂yᵢ. Held if so, with y as the layer's output."""
    problem = _Problem(norm, 1.5, 0.3)
    _, dy, _ = problem.pieces()
    error = _error(dy.sum(0), problem.by_differences(problem.beta))
    return Evidence(
        holds=error < SAME,
        sentence=f"The sum of the output's derivatives agrees with finite differences to {error:.0e}.",
        numbers={"error": error},
    )


def statistics_are_part_of_backpropagation(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 1.7: the normalization is part of the backward pass (of ∂L/∂x the documents give no formula).

    Held if the layer's ∂L/∂x agrees with finite differences and the one with μ and σ held constant does not.
    """
    problem = _Problem(norm, 1.5, 0.3)
    reference = problem.by_differences(problem.x)
    (found,) = torch.autograd.grad(problem.loss(), problem.x)
    _, dy, _ = problem.pieces()
    deviation = (problem.x.detach().var(dim=0, correction=0) + EPS).sqrt()
    error = _error(found, reference)
    constant = _error(dy * problem.gamma.detach() / deviation, reference)
    return Evidence(
        holds=error < SAME < constant,
        sentence=(
            f"The layer's derivative with respect to its input agrees with finite differences to {error:.0e}; with the "
            f"statistics taken as constants it is off by {100 * constant:.0f} %."
        ),
        numbers={"error": error, "error_with_constant_statistics": constant},
    )


def _error(found: Tensor, reference: Tensor) -> float:
    """The length of the difference, as a share of the reference's length."""
    return ((found - reference).norm() / reference.norm()).item()
