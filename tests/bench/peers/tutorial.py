"""BentoML as its tutorials write it: a PyTorch module, lists in and out, a synchronous API."""

import os

import bentoml
import torch
from torch import nn

FEATURES, DEPTH, WIDTH = (int(os.environ[name]) for name in ("FEATURES", "DEPTH", "WIDTH"))


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Tutorial:
    """A network of the same shape; its weights are of no concern here."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        layers: list[nn.Module] = []
        for inputs in [FEATURES, *[WIDTH] * (DEPTH - 1)]:
            layers += [nn.Linear(inputs, WIDTH), nn.ReLU()]
        self.network = nn.Sequential(*layers, nn.Linear(WIDTH, 1), nn.Sigmoid()).eval()

    @bentoml.api
    def predict(self, features: list[list[float]]) -> list[float]:
        """Predict."""
        with torch.no_grad():
            return self.network(torch.tensor(features)).squeeze(1).tolist()
