"""What the commands share."""

import gc
from importlib import import_module

import pytest

from zonate.cli.app import importing


def test_what_imports_leave_is_never_collected_again() -> None:
    frozen = gc.get_freeze_count()
    try:
        with importing():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen + 1000
    finally:
        gc.unfreeze()


def test_a_failed_import_leaves_the_collector_at_work() -> None:
    try:
        with pytest.raises(ImportError), importing():
            import_module("zonate.no_such_module")
        assert gc.isenabled()
    finally:
        gc.unfreeze()
