"""The written-out gradient and optimiser step against PyTorch's own."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from service.contract.names import Task
from training.network import LEVELS, Gradient, Network, draw_kept, flatten

ROWS, FEATURES, DEPTH, WIDTH = 37, 14, 3, 11


def make_network(*, outputs: int = 1, depth: int = DEPTH) -> Network:
    torch.manual_seed(1)
    network = Network(features=FEATURES, depth=depth, width=WIDTH, outputs=outputs).double()
    network.standardise(mean=torch.rand(FEATURES).double(), deviation=torch.rand(FEATURES).double() + 0.1)
    return network


def loss_by_autograd(network: Network, features: Tensor, target: Tensor, *, task: Task, kept: list[Tensor]) -> Tensor:
    """Mean loss of the network with inverted dropout. kept: what each hidden layer keeps, already scaled up."""
    value = (features - network.mean) / network.deviation
    for layer, mask in zip(network.hidden, kept, strict=True):
        value = torch.relu(layer(value)) * mask
    output = network.output(value).squeeze(1)
    if output.ndim > 1:
        return cross_entropy(output, target.long())
    return binary_cross_entropy_with_logits(output, target) if task == "classification" else mse_loss(output, target)


@pytest.mark.parametrize("depth", [DEPTH, 0])
@pytest.mark.parametrize("dropout", [0.0, 0.25])
@pytest.mark.parametrize(
    ("task", "outputs"), [("classification", 1), ("classification", 3), ("classification", 20), ("regression", 1)]
)
def test_gradient_is_that_of_autograd(task: Task, outputs: int, dropout: float, depth: int) -> None:
    network = make_network(outputs=outputs, depth=depth)
    features = torch.rand(ROWS, FEATURES).double()
    target = torch.randint(max(2, outputs), (ROWS,)).double()
    gradient = Gradient(network, dropout=dropout, task=task)

    torch.manual_seed(2)
    loss = gradient(features.t(), target)

    torch.manual_seed(2)
    masks = [draw_kept(torch.Size((WIDTH, ROWS)), dropped=round(dropout * LEVELS)).t() for _ in range(depth)]
    expected = loss_by_autograd(network, features, target, task=task, kept=[mask / (1 - dropout) for mask in masks])
    expected.backward()  # type: ignore[no-untyped-call]
    slopes = [parameter.grad.flatten() for parameter in network.parameters() if parameter.grad is not None]
    torch.testing.assert_close(loss / ROWS, expected.detach())
    torch.testing.assert_close(gradient.vector, torch.cat(slopes))


def test_flat_weights_are_the_networks_own() -> None:
    network = make_network()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    vector = flatten(network)
    vector += 1
    for parameter, old in zip(network.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), old + 1)


def test_units_are_kept_at_the_given_rate_and_repeat_with_the_seed() -> None:
    torch.manual_seed(3)
    kept = draw_kept(torch.Size((1000, 999)), dropped=64)
    assert abs(float(kept.double().mean()) - 0.75) < 0.002  # 4.6 standard errors
    torch.manual_seed(3)
    assert torch.equal(kept, draw_kept(torch.Size((1000, 999)), dropped=64))
    assert bool(draw_kept(torch.Size((8, 8)), dropped=0).all())
