import re
from datetime import date

from benchmarks.machine import circumstances, machine
from zonate.cohort.machine import usable_cores


def test_a_machine_is_its_cores_and_their_name() -> None:
    cores, _, name = machine().partition(" cores of ")
    assert int(cores) == usable_cores()
    assert name.strip()


def test_the_circumstances_of_a_figure() -> None:
    found = circumstances(2, beside=3)
    assert list(found) == ["date", "machine", "threads", "beside", "commit"]
    assert (found["threads"], found["beside"]) == (2, 3)
    assert date.fromisoformat(found["date"]) <= date.today()
    assert re.fullmatch(r"[0-9a-f]{7,}\+?|unknown", found["commit"])
