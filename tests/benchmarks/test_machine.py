from benchmarks.machine import machine
from zonate.verbs.machine import usable_cores


def test_a_machine_is_its_cores_and_their_name() -> None:
    cores, _, name = machine().partition(" cores of ")
    assert int(cores) == usable_cores()
    assert name.strip()
