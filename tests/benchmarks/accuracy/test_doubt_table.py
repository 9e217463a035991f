from benchmarks.accuracy.doubt_table import doubt_section
from benchmarks.accuracy.results import Results


def test_the_section_on_doubt_names_whom_it_missed() -> None:
    found = (("p0", "as it is", 0.9, ""), ("p1", "as it is", 0.7, ""), ("p1", "noise", 0.2, "yes"))
    rows = [
        {"patient_id": patient, "how": how, "dice": f"{dice}", "doubtful": doubtful, "expected": "0.88"}
        for patient, how, dice, doubtful in found
    ]
    text = "\n".join(doubt_section(Results([{"name": "zonate", "samples": 10, "copies": 1}], rows)))
    assert "| as they are | 1 | 0 | 1 | 0 |" in text
    assert "| worse copies | 1 | 1 | 0 | – |" in text
    assert "**Not flagged**: p1, gland Dice 0.70, expected 0.88." in text
