"""The written-out gradient and optimiser step against PyTorch's own."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from service.contract.names import Task
from training.network import Network, Products, flatten
from training.step.dropout import Dropout
from training.step.expansion import Expansion
from training.step.gradient import Gradient

ROWS, COLUMNS, FEATURES, WIDTH = 37, 4, 14, 11


def make_network(*, depth: int = 3, outputs: int = 1) -> Network:
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


@pytest.mark.parametrize("dropout", [0.0, 0.25])
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize(
    ("task", "outputs"), [("classification", 1), ("classification", 3), ("classification", 20), ("regression", 1)]
)
def test_gradient_is_that_of_autograd_whatever_batch_came_before(
    task: Task, outputs: int, depth: int, dropout: float
) -> None:
    network = make_network(depth=depth, outputs=outputs)
    gradient = Gradient(network, columns=COLUMNS, dropout=dropout, task=task)
    for rows in (ROWS, 1, ROWS):
        columns = torch.rand(rows, COLUMNS).double()
        target = torch.randint(max(2, outputs), (rows,)).double()

        torch.manual_seed(2)
        gradient(columns, target)

        torch.manual_seed(2)
        drawn = Dropout(WIDTH, rows=rows, part=slice(None), share=dropout, like=columns)
        masks = [drawn.draw().t() * drawn.boost for _ in range(depth)] if dropout else [torch.ones(rows, 1)] * depth
        network.zero_grad()
        expected = loss_by_autograd(network, Products(COLUMNS)(columns), target, task=task, kept=masks)
        expected.backward()  # type: ignore[no-untyped-call]
        slopes = [parameter.grad.flatten() for parameter in network.parameters() if parameter.grad is not None]
        torch.testing.assert_close(gradient.loss / rows, expected.detach())
        torch.testing.assert_close(gradient.vector, torch.cat(slopes))


def test_many_columns_are_expanded_in_pieces_that_fit_a_cache() -> None:
    columns = torch.rand(700, 30)
    features = Products(30)(columns)
    network = Network(features=features.shape[1], depth=1, width=1)
    mean, deviation = features.mean(0), features.std(0)
    network.standardise(mean=mean, deviation=deviation)
    expand = Expansion(network, columns=30, rows=700)
    assert len(expand.parts) > 1
    torch.testing.assert_close(expand(columns).t(), (features - mean) / deviation, rtol=1e-5, atol=1e-5)


def test_flat_weights_are_the_networks_own() -> None:
    network = make_network()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    vector = flatten(network)
    vector += 1
    for parameter, old in zip(network.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), old + 1)


def test_units_are_kept_at_the_given_rate_and_repeat_with_the_seed() -> None:
    dropout = Dropout(1000, rows=999, part=slice(None), share=0.25, like=torch.empty(0))
    torch.manual_seed(3)
    kept = dropout.draw().clone()
    assert bool(((kept == 0) | (kept == 1)).all())
    assert abs(float(kept.double().mean()) - 0.75) < 0.002  # 4.6 standard errors
    torch.manual_seed(3)
    assert torch.equal(kept, dropout.draw())
