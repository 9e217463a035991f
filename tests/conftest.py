"""What every test may ask for."""

from pathlib import Path

import pytest
from hypothesis import settings

# A time limit per example would make the properties fail on a busy machine.
settings.register_profile("zonate", deadline=None)
settings.load_profile("zonate")

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real studies; tests that need it are skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real studies (../shared/data) are not on this machine")
    return SHARED_DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test first, so that the others run beside it."""
    items.sort(key=lambda item: item.path.name != "test_demo.py")
