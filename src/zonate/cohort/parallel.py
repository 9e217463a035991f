"""Independent cases side by side: in this process, or on the workers of a Dask cluster.

What a case gives follows from its task alone: neither the number of workers nor the order of the cases changes it.
"""

from collections.abc import Callable, Generator, Mapping
from collections.abc import Sequence as Items
from pathlib import Path
from typing import TypeVar

from zonate.cohort.set_aside import SetAside, attempt
from zonate.cohort.workers import Workers
from zonate.progress import naming_stages

Result = TypeVar("Result")


def each_case(
    tasks: Mapping[str, Callable[[], Result]],
    workers: Workers,
    *,
    output: Path | None = None,
    inputs: Mapping[str, Items[Path]] | None = None,
) -> Generator[tuple[str, Result | SetAside], None, None]:
    """Do the tasks, each of one case, and give each outcome as soon as it is there.

    With one worker without limits, everything happens in this process and in the order given. With more, a worker does
    one task at a time; tasks and outcomes are pickled. A worker that dies, holds more than it may or takes too long
    ends its own case alone, which is tried once more, on another worker where there is one. What Zonate logs there
    is logged here, when the case has ended; what is begun of a case (`zonate.progress.stage`) is told here at once, by
    its name.

    Close the generator when it is left early (`contextlib.closing`): the workers are killed then, at once. Remove what
    they have half written (`zonate.io.files.remove_half_written`).

    Args:
        tasks: From case id to what is to be done. With several workers, a function of a module, or a
            `functools.partial` of one, whose paths are absolute; scripts need `if __name__ == "__main__":` around
            their own calls then.
        workers: As `Workers.fitted` gives it.
        output: The folder that the tasks write into, made where it is missing: a cluster's workers must see it.
        inputs: What is read of each case: they must see that, too.

    Yields:
        A case id, and what its task returned, or why it failed.

    Raises:
        ConfigError: No scheduler answers.
        ProcessError: The cluster is gone, or its workers cannot run Zonate; or processes of this machine cannot be
            started, or none is left.
    """
    if not tasks:
        return
    if workers.here:
        for case_id, task in tasks.items():
            with naming_stages(case_id):
                outcome = attempt(case_id, task)
            yield case_id, outcome
        return
    from zonate.cohort.attempts import each_on_cluster  # takes half a second, which `--help` has not

    yield from each_on_cluster(tasks, workers, output, inputs or {})
