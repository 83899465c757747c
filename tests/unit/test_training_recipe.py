"""Recipes: what the linear model needs that a network does not."""

import pytest
import torch

from service.contract.names import Task
from tests.bench.known_choices import draw_classes, draw_quadratic
from tests.bench.trained_points import LINEAR, draw_table, train_point
from training.architectures import Architecture, choose_recipe
from training.network import Network


def test_the_linear_model_learns_a_quadratic_table_as_well_as_it_can_be() -> None:
    """scikit-learn's solver reaches 0.897; with the steps of a network it was 0.75."""
    made = draw_table(draw_classes(draw_quadratic), task="classification", rows=3000, held_out=5000, seed=0)
    scored = train_point(made, LINEAR, rows=3000, seed=0)
    assert scored.point.test.accuracy is not None
    assert scored.point.test.accuracy >= 0.885
    assert scored.point.weights == 21


def test_a_given_learning_rate_is_used_for_the_linear_model_too() -> None:
    recipe = choose_recipe(
        Architecture("linear", 0, 0),
        task="classification",
        rows=1000,
        columns=5,
        epochs=20,
        batch_size=None,
        learning_rate=0.01,
        seed=0,
    )
    assert recipe.learning_rate == 0.01
    assert recipe.weight_decay == 0


@pytest.mark.parametrize(
    ("task", "architecture", "weight"),
    [
        ("classification", Architecture("small", 2, 50), 0.1),
        ("classification", Architecture("linear", 0, 0), 1.0),
        ("regression", Architecture("small", 2, 50), 1.0),
    ],
)
def test_networks_that_tell_classes_apart_hold_products_back(
    task: Task, architecture: Architecture, weight: float
) -> None:
    recipe = choose_recipe(
        architecture, task=task, rows=1000, columns=5, epochs=20, batch_size=None, learning_rate=None, seed=0
    )
    assert recipe.product_weight == weight


def test_products_enter_a_network_as_large_as_they_weigh() -> None:
    columns, weight = 3, 0.1
    network = Network(features=9, depth=1, width=4)
    network.standardise(mean=torch.zeros(9).double(), deviation=torch.rand(9).double() + 0.1)
    features = torch.rand(5, 9)
    smaller = features.clone()
    smaller[:, columns:] *= weight
    with torch.no_grad():
        expected = network(smaller)
        network.weigh_products(weight, columns=columns)
        torch.testing.assert_close(network(features), expected)
