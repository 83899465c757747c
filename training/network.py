"""The network in PyTorch, as modules. For the training step it is written out in ``training/step/gradient.py``."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from service.contract.names import Task

SMALLEST_DEVIATION = 0.01
"""Features vary within 0..1; dividing by less than this would amplify float32 rounding beyond the parity tolerance."""
EVALUATION_ROWS = 4096
"""Rows expanded at once where no gradient is needed: bounds memory."""


class Products:
    """Expands scaled columns into features, batch by batch: the products of a large table are never stored.

    They stand in scikit-learn's order.
    """

    def __init__(self, columns: int, *, device: torch.device | None = None) -> None:
        self.left, self.right = torch.triu_indices(columns, columns, device=device)

    def __call__(self, columns: Tensor) -> Tensor:
        """**Shape** (n, d) -> (n, d + d (d + 1) / 2).

        Gathers rows of the transpose: four times faster than gathering columns (torch 2.13, 200 rows).
        """
        turned = columns.t().contiguous()
        products = turned.index_select(0, self.left) * turned.index_select(0, self.right)
        return torch.cat([turned, products]).t()


def feature_moments(columns: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every feature, in two passes of float64. columns: (n, d) float32, scaled."""
    products = Products(columns.shape[1])

    def averaged(function: Callable[[Tensor], Tensor]) -> Tensor:
        parts = torch.split(columns, EVALUATION_ROWS)
        return torch.stack([function(products(part.double())).sum(0) for part in parts]).sum(0) / len(columns)

    mean = averaged(lambda features: features)
    return mean, averaged(lambda features: (features - mean) ** 2).sqrt()


class Network(nn.Module):
    """ReLU layers of one width between standardised features and one number, or one for each of ``outputs`` classes.

    A number is a logit (classification) or the target in standard deviations (regression). ``depth`` 0: no layer
    between, so that it is linear in the features.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, features: int, depth: int, width: int, outputs: int = 1) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        widths = [features] + [width] * depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(widths[-1], outputs)

    def standardise(self, *, mean: Tensor, deviation: Tensor) -> None:
        """Set what ``forward`` subtracts and divides by. mean, deviation: (features,); a deviation of 0 counts as 1."""
        self.mean.copy_(mean)
        varies = deviation > 0
        self.deviation.copy_(torch.where(varies, deviation.clamp(min=SMALLEST_DEVIATION), torch.ones_like(deviation)))

    def weigh_products(self, weight: float, *, columns: int) -> None:
        """Let the products, which follow ``columns`` columns, enter ``weight`` times as large as standardised ones."""
        self.deviation[columns:] /= weight

    def forward(self, features: Tensor) -> Tensor:
        """**Shape** features: (n, features) -> (n,), or (n, outputs) where there are several."""
        x = (features - self.mean) / self.deviation
        for layer in self.hidden:
            x = torch.relu(layer(x))
        output: Tensor = self.output(x)
        return output.squeeze(1)  # (n, k) stays as it is

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the state by name, layers in order: no copies, but from a GPU."""
        return {name: array.cpu().numpy() for name, array in self.state_dict().items()}


def flatten(network: Network) -> Tensor:
    """Move all parameters into one vector, (parameters,), and make them views of it: one update then reaches all."""
    vector = torch.cat([parameter.data.flatten() for parameter in network.parameters()])
    for parameter, part in zip(network.parameters(), parameter_views(vector, network=network), strict=True):
        parameter.data = part
    return vector


def summed_loss(output: Tensor, target: Tensor, *, task: Task) -> Tensor:
    """Log loss of logits, or squared error in standard deviations of the target, summed over the rows: a scalar.

    output: (n,), or (n, k) logits of k classes. target: (n,), 0 or 1, a class's place, or standard deviations.
    """
    if output.ndim > 1:
        return cross_entropy(output, target.long(), reduction="sum")
    if task == "classification":
        return binary_cross_entropy_with_logits(output, target, reduction="sum")
    return mse_loss(output, target, reduction="sum")


def parameter_views(vector: Tensor, *, network: Network) -> list[Tensor]:
    """Parts of ``vector`` in the shapes of the network's parameters."""
    shapes = [parameter.shape for parameter in network.parameters()]
    parts = torch.split(vector, [shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
