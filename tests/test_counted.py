from zonate.counted import counted


def test_one_alone_is_singular() -> None:
    assert [counted(n, "slice") for n in (0, 1, 2, 21)] == ["0 slices", "1 slice", "2 slices", "21 slices"]
