import sys

import pytest

from benchmarks.costs.points import Line, Point, in_turn


def test_a_line_through_points_on_it() -> None:
    line = Line.through([1, 2, 4], [5.0, 7.0, 11.0])
    assert (line.intercept, line.slope) == pytest.approx((3.0, 2.0))
    assert line.at(10) == pytest.approx(23.0)


def test_a_line_lies_between_points_off_it() -> None:
    line = Line.through([0, 1, 2], [0.0, 3.0, 0.0])  # the mean, since they lean to neither side
    assert (line.intercept, line.slope) == pytest.approx((1.0, 0.0))


def test_one_size_gives_no_line() -> None:
    with pytest.raises(ValueError, match=r"two sizes at least, found \[4\]"):
        Line.through([4, 4], [1.0, 2.0])


def test_a_point_is_the_median_of_its_repeats() -> None:
    assert Point(12, [3.0, 1.0, 2.0], 900.0).median_s == 2.0


def test_commands_take_turns() -> None:
    order: list[str] = []

    def command(name: str) -> list[str]:
        order.append(name)
        return [sys.executable, "-c", ""]

    found = in_turn([lambda: command("a"), lambda: command("b")], repeats=2)
    assert order == ["a", "b", "a", "b"]
    assert [len(seconds) for seconds, _ in found] == [2, 2]
    assert all(peak_mib > 0 for _, peak_mib in found)
