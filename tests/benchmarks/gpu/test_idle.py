from benchmarks.gpu.idle import busy


def test_what_overlaps_counts_once_and_gaps_do_not_count() -> None:
    assert busy([(5.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.5, 1.6), (6.0, 6.5)]) == 4.5
    assert busy([]) == 0.0
