import pytest

from benchmarks.accuracy.budget import Pace, Plan, plan, validation_interval


def test_minutes_become_epochs() -> None:
    """Ten minutes less 3 % are 582 s, less ten validations 532 s: 26.6 epochs of 20 steps of a second."""
    assert plan(Pace(1.0, 5.0), minutes=10, steps_per_epoch=20) == Plan(epochs=26, validate_every_epochs=3)
    assert plan(Pace(1.0, 5.0), minutes=10, steps_per_epoch=20, most_epochs=8) == Plan(8, 1)
    assert plan(Pace(60.0, 5.0), minutes=1, steps_per_epoch=20) == Plan(1, 1)


@pytest.mark.parametrize(("epochs", "every", "validations"), [(1, 1, 1), (10, 1, 10), (25, 3, 9), (300, 30, 10)])
def test_a_run_is_validated_about_ten_times(epochs: int, every: int, validations: int) -> None:
    assert validation_interval(epochs) == every
    assert -(-epochs // every) == validations


def test_no_length_is_validated_often_or_rarely() -> None:
    counts = {epochs: -(-epochs // validation_interval(epochs)) for epochs in range(10, 1000)}
    assert min(counts.values()) >= 7
    assert max(counts.values()) <= 13


def test_a_plan_is_written_into_the_settings() -> None:
    assert Plan(26, 3).assignments() == [
        "training.epochs=26",
        "training.validate_every_epochs=3",
        "training.pictures_every_epochs=26",
    ]
