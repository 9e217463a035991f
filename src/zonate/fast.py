"""What `zonate train --fast` changes in the settings of a training, so that a GPU is kept busy."""

from math import sqrt

from zonate.config import Settings

BATCH = 16
"""Slices of a step at least."""
WARM_UP = 0.05
"""The share of the steps over which a learning rate that was raised is reached."""


def fast(settings: Settings) -> Settings:
    """The same training by larger batches, in bfloat16, by compiled networks.

    A batch of fewer than BATCH slices grows to that, over the same epochs. Where it grows k times, there are k times
    fewer steps, and

    - Adam's learning rate is √k times as high, reached after a warm-up;
    - what Adam, BatchNorm and the averaged weights remember of earlier steps fades over as many slices as before:
      what kept a share d after a step keeps d^k;
    - Adam's epsilon, which stands beside a gradient that is averaged over more slices, is √k times smaller;
    - weights decay √k times as much, of which the learning rate makes k times as much a step, as much an epoch.

    Args:
        settings: Of a recipe.

    Source: Malladi et al., On the SDEs and Scaling Rules for Adaptive Gradient Algorithms, NeurIPS 2022, the square
        root scaling rule, whose 1 - k (1 - d) is d^k where little is forgotten in a step, and does not fall below 0.
    """
    training, optimiser, network = settings.training, settings.optimiser, settings.network
    growth = max(1.0, BATCH / training.batch_size)
    if growth > 1:
        optimiser = optimiser.model_copy(
            update={
                "learning_rate": optimiser.learning_rate * sqrt(growth),
                "warm_up": max(optimiser.warm_up, WARM_UP),
                "beta_1": optimiser.beta_1**growth,
                "beta_2": optimiser.beta_2**growth,
                "epsilon": optimiser.epsilon / sqrt(growth),
                "weight_decay": optimiser.weight_decay * sqrt(growth),
            }
        )
        network = network.model_copy(
            update={"batch_norm_momentum": 1 - (1 - network.batch_norm_momentum) ** growth},
        )
    training = training.model_copy(
        update={
            "batch_size": max(BATCH, training.batch_size),
            "averaging": training.averaging**growth,
            "precision": "bf16-mixed",
            "compiled": True,
        }
    )
    return settings.model_copy(update={"training": training, "optimiser": optimiser, "network": network})
