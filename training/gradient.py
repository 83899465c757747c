"""Loss and gradient of one batch, written out for a perceptron: about twice as fast as modules and autograd.

Everything stands turned, (units, rows), as the products come out of ``Products``; see ``make bench`` for the figures.
"""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from service.contract.names import Task
from training.architectures import Network

LEVELS = 256
"""One random byte decides whether a unit is dropped, so the dropout is rounded to a multiple of 1/256."""


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
    """Log loss of logits, or squared error in standard deviations of the target, summed over the rows: a scalar."""
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
        if self.task == "classification":
            slope = (torch.sigmoid(output) - target) / len(target)
        else:
            slope = (output - target) * (2 / len(target))
        self._backward(inputs, slope.unsqueeze(0))
        return summed_loss(output, target, task=self.task)

    def _forward(self, features: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return what each layer was given, the hidden ones after dropout, and the output, (n,)."""
        inputs = [torch.addcmul(self.shift, features, self.scale)]
        weight, bias = self.layers[0]
        value = torch.addmm(bias.unsqueeze(1), weight, inputs[0])
        for weight, bias in self.layers[1:]:
            kept = value.relu_()
            if self.dropped:
                kept.mul_(draw_kept(kept.shape, dropped=self.dropped))
            inputs.append(kept)
            value = torch.addmm(bias.unsqueeze(1), weight, kept, alpha=self.boost)
        return inputs, value.squeeze(0)

    def _backward(self, inputs: list[Tensor], slope: Tensor) -> None:
        """slope: (1, n), the loss by the output. A unit passes its slope on where it was positive and kept."""
        for index in range(len(self.layers) - 1, -1, -1):
            weight, bias = self.gradients[index]
            torch.sum(slope, 1, out=bias)
            if index == 0:
                torch.mm(slope, inputs[0].t(), out=weight)
                return
            boosted = slope * self.boost
            torch.mm(boosted, inputs[index].t(), out=weight)
            slope = torch.ops.aten.threshold_backward(self.layers[index][0].t() @ boosted, inputs[index], 0)


def _views(vector: Tensor, *, network: Network) -> list[Tensor]:
    """Parts of ``vector`` in the shapes of the network's parameters."""
    shapes = [parameter.shape for parameter in network.parameters()]
    parts = torch.split(vector, [shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def _pairs(parameters: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer."""
    return list(zip(parameters[::2], parameters[1::2], strict=True))
