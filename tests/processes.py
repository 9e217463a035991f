"""A function run by several processes that form a group, as torchrun starts them."""

import logging
from collections.abc import Callable
from typing import Any

from torch.distributed.launcher.api import LaunchConfig, elastic_launch


def run_in_processes(number: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What the function of a module returns in each process, by rank."""
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=number,
        run_id="test",
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        max_restarts=0,
    )
    results = elastic_launch(config, function)(*arguments)
    return [results[rank] for rank in range(number)]
