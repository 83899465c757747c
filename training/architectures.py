"""The multilayer perceptron: standardisation inside the network while it trains, folded away when it is exported."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from training.jobs import Layer, TargetScale

SMALLEST_DEVIATION = 0.01
"""Features vary within 0..1; dividing by less than this would amplify float32 rounding beyond the parity tolerance."""


class Network(nn.Module):
    """ReLU layers of one width between standardised features and one number.

    The number is a logit (classification) or the target in standard deviations (regression).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, features: int, depth: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        widths = [features] + [width] * depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(width, 1)

    def standardise(self, *, mean: Tensor, deviation: Tensor) -> None:
        """Set what ``forward`` subtracts and divides by. mean, deviation: (features,); a deviation of 0 counts as 1."""
        self.mean.copy_(mean)
        varies = deviation > 0
        self.deviation.copy_(torch.where(varies, deviation.clamp(min=SMALLEST_DEVIATION), torch.ones_like(deviation)))

    def forward(self, features: Tensor) -> Tensor:
        """**Shape** features: (n, features) -> (n,)."""
        x = (features - self.mean) / self.deviation
        for layer in self.hidden:
            x = torch.relu(layer(x))
        output: Tensor = self.output(x)
        return output.squeeze(1)


def fold(network: Network, *, target: TargetScale) -> list[Layer]:
    """Return affine layers that take plain features and end in a logit, or in the target's natural unit.

    Computed in float64: the standardisation goes into the first layer, the target's mean and scale into the last.
    """
    layers = [_affine(module) for module in [*network.hidden, network.output]]
    weight = layers[0].weight / network.deviation.double().numpy()
    layers[0] = Layer(weight=weight, bias=layers[0].bias - weight @ network.mean.double().numpy())
    last = layers[-1]
    layers[-1] = Layer(weight=last.weight * target.scale, bias=last.bias * target.scale + target.mean)
    return layers


def _affine(module: nn.Module) -> Layer:
    assert isinstance(module, nn.Linear)
    return Layer(weight=module.weight.detach().double().numpy(), bias=module.bias.detach().double().numpy())
