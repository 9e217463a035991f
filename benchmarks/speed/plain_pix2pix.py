"""pix2pix as the public tutorials write it: a plain eager loop in float32, ours from scratch.

The network, the losses and the order of steps are those of the paper's PyTorch code and its tutorials: the
discriminator judges the generated label once to learn and once more to teach the generator, every network has the
default Adam, and nothing is said about layout, precision or fused kernels. TensorFlow's tutorial takes both gradients
from one judgement of the generated label; its operations stand beside the others in the table.

Source: Isola et al., CVPR 2017, sections 3 and 6.1.
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam

N_IMAGE_CHANNELS, N_LABEL_CHANNELS = 3, 5
L1_WEIGHT = 100.0


class PlainGenerator(nn.Module):
    def __init__(self, base: int = 64) -> None:
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        channels = N_IMAGE_CHANNELS
        for level, times in enumerate((1, 2, 4, 8, 8, 8, 8, 8)):
            width = times * base
            layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False)]
            if 0 < level < 7:
                layers.append(nn.BatchNorm2d(width))
            self.down.append(nn.Sequential(*layers, nn.LeakyReLU(0.2)))
            channels = width
        for level, times in enumerate((8, 8, 8, 8, 4, 2, 1)):
            width = times * base
            layers = [nn.ConvTranspose2d(channels, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width)]
            if level < 3:
                layers.append(nn.Dropout(0.5))
            self.up.append(nn.Sequential(*layers, nn.ReLU()))
            channels = 2 * width
        self.last = nn.ConvTranspose2d(channels, N_LABEL_CHANNELS, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        for block, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = torch.cat([block(x), skip], 1)
        logits: Tensor = self.last(x)
        return logits.softmax(1)


class PlainDiscriminator(nn.Module):
    def __init__(self, base: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(N_IMAGE_CHANNELS + N_LABEL_CHANNELS, base, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv2d(base, 2 * base, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * base),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * base, 4 * base, 4, 2, 1, bias=False),
            nn.BatchNorm2d(4 * base),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * base, 8 * base, 4, 1, 1, bias=False),
            nn.BatchNorm2d(8 * base),
            nn.LeakyReLU(0.2),
            nn.Conv2d(8 * base, 1, 4, 1, 1),
        )

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        judged: Tensor = self.layers(torch.cat([image, label], 1))
        return judged


class PlainLoop:
    """Both networks and their optimisers; `step` as a tutorial's inner loop."""

    def __init__(self, device: str = "cpu", base: int = 64) -> None:
        self.generator, self.discriminator = PlainGenerator(base).to(device), PlainDiscriminator(base).to(device)
        self.of_generator = Adam(self.generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.of_discriminator = Adam(self.discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.cross_entropy, self.l1 = nn.BCEWithLogitsLoss(), nn.L1Loss()

    def step(self, image: Tensor, label: Tensor) -> tuple[float, float]:
        """Learn from images (B, 3, H, W) and one-hot labels (B, 5, H, W); the losses, as tutorials print them."""
        generated = self.generator(image)

        self.discriminator.requires_grad_(True)
        self.of_discriminator.zero_grad()
        judged = self.discriminator(image, generated.detach())
        false = self.cross_entropy(judged, torch.zeros_like(judged))
        judged = self.discriminator(image, label)
        true = self.cross_entropy(judged, torch.ones_like(judged))
        of_discriminator = false + true
        of_discriminator.backward()
        self.of_discriminator.step()

        self.discriminator.requires_grad_(False)
        self.of_generator.zero_grad()
        judged = self.discriminator(image, generated)
        of_generator = self.cross_entropy(judged, torch.ones_like(judged)) + L1_WEIGHT * self.l1(generated, label)
        of_generator.backward()
        self.of_generator.step()
        return float(of_generator.detach()), float(of_discriminator.detach())
