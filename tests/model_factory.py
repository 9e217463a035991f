"""Small models, untrained or with a fixed answer."""

import torch
from torch import Tensor, nn

from tests.dataset_factory import COARSE
from zonate.config import Settings
from zonate.model import Model
from zonate.networks.generator import Generator
from zonate.preprocessing.statistics import Statistics
from zonate.zones import LabelCode

SETTINGS = Settings().override(["network.base_channels=4"])
STATISTICS = Statistics((300.0, 0.0, 0.0), (150.0, 1.0, 1.0))
PROVENANCE = {"licences": ["CC0-1.0"], "training_cases": 2}


def a_model(settings: Settings = SETTINGS, codes: tuple[LabelCode, ...] = COARSE) -> Model:
    torch.manual_seed(0)
    generator = Generator(settings.network).eval()
    return Model(generator, settings, STATISTICS, codes, PROVENANCE, (True, False, False))


class Fixed(nn.Module):
    """The same probabilities at every pixel but where T2W is above its mean: there a second set."""

    def __init__(self, low: list[float], high: list[float], head: str = "softmax") -> None:
        super().__init__()
        self.head = head
        self.low, self.high = (torch.tensor(p).view(1, 5, 1, 1) for p in (low, high))

    def forward(self, images: Tensor) -> Tensor:
        p: Tensor = torch.where(images[:, :1] > 0, self.high, self.low)
        return p.log() if self.head == "softmax" else torch.logit(p)
