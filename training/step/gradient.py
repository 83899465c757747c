"""Loss and gradient of a batch, written out: `make bench-training` times it beside modules and autograd.

Everything stands turned, (units, rows). All that a batch needs is made once for its number of rows: to allocate a
megabyte anew costs more than to compute with it.
"""

import torch
from torch import Tensor

from service.contract.names import Task
from training.network import Network, parameter_views, summed_loss
from training.step.dropout import Dropout
from training.step.expansion import Expansion

Layers = list[tuple[Tensor, Tensor]]
"""Weight and bias of each layer, in order."""
ALL = slice(None)


class Gradient:
    """Computes the gradient of the mean loss with regard to the network's parameters.

    ``vector``: (parameters,), in the order of ``flatten``; ``loss``: a scalar, summed over the rows. Both are
    overwritten by every call; ``sums`` holds them in one piece, for the ranks to add up.
    """

    def __init__(self, network: Network, *, columns: int, dropout: float, task: Task) -> None:
        parameters = [parameter.data for parameter in network.parameters()]
        self.network, self.columns, self.dropout, self.task = network, columns, dropout, task
        self.layers = _pairs(parameters)
        numbers = sum(parameter.numel() for parameter in parameters)
        self.sums = parameters[0].new_empty(numbers + 1)
        self.vector, self.loss = self.sums[:-1], self.sums[-1]
        self.gradients = _pairs(parameter_views(self.vector, network=network))
        self.batches: dict[tuple[int, int, int], _Batch] = {}

    @torch.inference_mode()
    def __call__(self, columns: Tensor, target: Tensor, *, rows: int | None = None, part: slice = ALL) -> None:
        """Fill ``vector`` and ``loss``. columns: (n, d), scaled; target: (n,).

        Where they are a part of a batch of ``rows`` rows, this is what the part adds to that batch's gradient and loss.
        """
        rows = len(target) if rows is None else rows
        key = (len(target), rows, part.start or 0)
        batch = self.batches.get(key)
        if batch is None:  # two an epoch: all batches are of one size, but for the last
            batch = self.batches[key] = _Batch(self, rows=rows, part=part)
        output = batch.forward(columns, self.layers)
        slope = _slope(output, target, rows=rows, task=self.task)
        batch.backward(slope, layers=self.layers, gradients=self.gradients)
        self.loss.copy_(summed_loss(output.t() if len(output) > 1 else output[0], target, task=self.task))


class _Batch:
    """Buffers for a number of rows, and the products with the weights. part: of the batch's rows, those that come."""

    def __init__(self, gradient: Gradient, *, rows: int, part: slice) -> None:
        empty, all_rows = gradient.vector.new_empty, rows
        rows = len(range(rows)[part])
        self.expand = Expansion(gradient.network, columns=gradient.columns, rows=rows)
        self.hidden = [empty(len(bias), rows) for _, bias in gradient.layers[:-1]]
        self.output = empty(len(gradient.layers[-1][1]), rows)
        self.slopes = [empty(hidden.shape) for hidden in self.hidden[:2]]
        units = len(self.hidden[0]) if self.hidden else 0
        self.dropout = Dropout(units, rows=all_rows, part=part, share=gradient.dropout, like=self.output)

    def forward(self, columns: Tensor, layers: Layers) -> Tensor:
        """Return the output, (outputs, n). ``hidden`` then holds what each later layer was given."""
        value, boost = self.expand(columns), 1.0
        for (weight, bias), hidden in zip(layers, self.hidden, strict=False):
            torch.addmm(bias.unsqueeze(1), weight, value, alpha=boost, out=hidden).relu_()
            if self.dropout.dropped:
                hidden.mul_(self.dropout.draw())
            value, boost = hidden, self.dropout.boost
        weight, bias = layers[-1]
        return torch.addmm(bias.unsqueeze(1), weight, value, alpha=boost, out=self.output)

    def backward(self, slope: Tensor, *, layers: Layers, gradients: Layers) -> None:
        """slope: (outputs, n), the loss by the output. A unit passes its slope on where it was positive and kept."""
        boost = self.dropout.boost
        for index in range(len(layers) - 1, 0, -1):
            weight, bias = gradients[index]
            hidden, before = self.hidden[index - 1], self.slopes[index % len(self.slopes)]
            torch.sum(slope, 1, out=bias)
            torch.addmm(weight, slope, hidden.t(), beta=0, alpha=boost, out=weight)
            torch.addmm(before, layers[index][0].t(), slope, beta=0, alpha=boost, out=before)
            slope = torch.ops.aten.threshold_backward(before, hidden, 0, grad_input=before)
        weight, bias = gradients[0]
        torch.sum(slope, 1, out=bias)
        torch.mm(slope, self.expand.features.t(), out=weight)


def _slope(output: Tensor, target: Tensor, *, rows: int, task: Task) -> Tensor:
    """Slope of the mean loss over ``rows`` by the output, (outputs, n): probability less truth, for classes."""
    if len(output) > 1:
        slope = torch.softmax(output, 0)
        slope.scatter_add_(0, target.long().unsqueeze(0), torch.full_like(slope[:1], -1))
        return slope.div_(rows)
    if task == "classification":
        return torch.sigmoid(output).sub_(target).div_(rows)
    return torch.sub(output, target).mul_(2 / rows)


def _pairs(parameters: list[Tensor]) -> Layers:
    return list(zip(parameters[::2], parameters[1::2], strict=True))
