"""The network in PyTorch, twice: as modules, and with loss and gradient of a batch written out for the training step.

Written out it is about twice as fast as modules and autograd; everything stands turned, (units, rows), as the
products come out of ``Products``. See ``make bench`` for the figures.
"""

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
LEVELS = 256
"""One random byte decides whether a unit is dropped, so the dropout is rounded to a multiple of 1/256."""


class Products:
    """Expands scaled columns into features, batch by batch: the products of a large table are never stored.

    They stand in scikit-learn's order.
    """

    def __init__(self, columns: int) -> None:
        self.left, self.right = torch.triu_indices(columns, columns)

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

    def forward(self, features: Tensor) -> Tensor:
        """**Shape** features: (n, features) -> (n,), or (n, outputs) where there are several."""
        x = (features - self.mean) / self.deviation
        for layer in self.hidden:
            x = torch.relu(layer(x))
        output: Tensor = self.output(x)
        return output.squeeze(1)  # (n, k) stays as it is

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the state by name, layers in order: no copies."""
        return {name: array.numpy() for name, array in self.state_dict().items()}


def flatten(network: Network) -> Tensor:
    """Move all parameters into one vector, (parameters,), and make them views of it: one update then reaches all."""
    vector = torch.cat([parameter.data.flatten() for parameter in network.parameters()])
    for parameter, part in zip(network.parameters(), _views(vector, network=network), strict=True):
        parameter.data = part
    return vector


def draw_kept(shape: torch.Size, *, dropped: int) -> Tensor:
    """Which units are kept, bool: each with probability 1 - dropped / LEVELS. One draw serves eight."""
    count = shape.numel()
    words = torch.empty((count + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    return words.view(torch.uint8)[:count].view(shape).ge(dropped)


def summed_loss(output: Tensor, target: Tensor, *, task: Task) -> Tensor:
    """Log loss of logits, or squared error in standard deviations of the target, summed over the rows: a scalar.

    output: (n,), or (n, k) logits of k classes. target: (n,), 0 or 1, a class's place, or standard deviations.
    """
    if output.ndim > 1:
        return cross_entropy(output, target.long(), reduction="sum")
    if task == "classification":
        return binary_cross_entropy_with_logits(output, target, reduction="sum")
    return mse_loss(output, target, reduction="sum")


class Gradient:
    """Computes the gradient of the mean loss with regard to the network's parameters.

    ``vector``: (parameters,), in the order of ``flatten``; overwritten by every call. Dropout (Srivastava et al., 2014)
    follows every hidden layer; what is kept is scaled up in the next layer's product.
    """

    def __init__(self, network: Network, *, dropout: float, task: Task) -> None:
        self.task = task
        self.dropped = round(dropout * LEVELS)
        self.boost = LEVELS / (LEVELS - self.dropped)
        self.scale = (1 / network.deviation).unsqueeze(1)
        self.shift = (-network.mean / network.deviation).unsqueeze(1)
        self.layers = _pairs([parameter.data for parameter in network.parameters()])
        self.vector = torch.empty(sum(parameter.numel() for parameter in network.parameters()), dtype=self.scale.dtype)
        self.gradients = _pairs(_views(self.vector, network=network))

    def __call__(self, features: Tensor, target: Tensor) -> Tensor:
        """Fill ``vector`` and return the batch's summed loss, a scalar. features: (features, n); target: (n,)."""
        inputs, output = self._forward(features)
        if len(output) > 1:
            slope = _class_slope(output, target) / len(target)
            self._backward(inputs, slope)
            return summed_loss(output.t(), target, task=self.task)
        output = output.squeeze(0)
        if self.task == "classification":
            slope = (torch.sigmoid(output) - target) / len(target)
        else:
            slope = (output - target) * (2 / len(target))
        self._backward(inputs, slope.unsqueeze(0))
        return summed_loss(output, target, task=self.task)

    def _forward(self, features: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return what each layer was given, the hidden ones after dropout, and the output, (outputs, n)."""
        inputs = [torch.addcmul(self.shift, features, self.scale)]
        weight, bias = self.layers[0]
        value = torch.addmm(bias.unsqueeze(1), weight, inputs[0])
        for weight, bias in self.layers[1:]:
            kept = value.relu_()
            if self.dropped:
                kept.mul_(draw_kept(kept.shape, dropped=self.dropped))
            inputs.append(kept)
            value = torch.addmm(bias.unsqueeze(1), weight, kept, alpha=self.boost)
        return inputs, value

    def _backward(self, inputs: list[Tensor], slope: Tensor) -> None:
        """slope: (outputs, n), the loss by the output. A unit passes its slope on where it was positive and kept."""
        for index in range(len(self.layers) - 1, -1, -1):
            weight, bias = self.gradients[index]
            torch.sum(slope, 1, out=bias)
            if index == 0:
                torch.mm(slope, inputs[0].t(), out=weight)
                return
            boosted = slope * self.boost
            torch.mm(boosted, inputs[index].t(), out=weight)
            slope = torch.ops.aten.threshold_backward(self.layers[index][0].t() @ boosted, inputs[index], 0)


def _class_slope(logits: Tensor, target: Tensor) -> Tensor:
    """Slope of the summed log loss by the logits, (k, n): the probability, less 1 where the row is of the class."""
    slope = torch.softmax(logits, 0)
    places = target.long().unsqueeze(0)
    return slope.scatter_add_(0, places, torch.full_like(slope[:1], -1))


def _views(vector: Tensor, *, network: Network) -> list[Tensor]:
    """Parts of ``vector`` in the shapes of the network's parameters."""
    shapes = [parameter.shape for parameter in network.parameters()]
    parts = torch.split(vector, [shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def _pairs(parameters: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer."""
    return list(zip(parameters[::2], parameters[1::2], strict=True))
