"""How results look on a terminal."""

import re
from collections.abc import Mapping
from collections.abc import Sequence as Items
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from zonate.cli import terminal
from zonate.counted import counted

if TYPE_CHECKING:
    from zonate.alignment.landmarks import LandmarkErrors
    from zonate.case import AlignmentRecord
    from zonate.study import Study
    from zonate.verbs.check import CheckResult
    from zonate.verbs.download import DownloadResult
    from zonate.verbs.prepare import PrepareResult

_NAMES = 5
"""Cases that are named before the rest is counted."""
_MEASURED = re.compile(r"\d+(?:\.\d+)?(?= ?(?:mm|ml|%))")


def show_study(study: "Study") -> None:
    """The table of series of `inspect`."""
    from zonate.study import Sequence

    table = Table(title=f"Study {escape(study.case_id)}", title_justify="left")
    for heading, justify in (("series", "right"), ("description", "left"), ("slices", "right"), ("b (s/mm²)", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]  # the literals above are JustifyMethods
    table.columns[1].overflow = "fold"  # the end of a description tells series apart
    table.add_column("role", style="bold")
    table.add_column("reason")
    for series in study.series:
        table.add_row(
            "–" if series.series_number is None else str(series.series_number),
            escape(series.description),
            str(series.slices),
            ", ".join(f"{b:g}" for b in series.b_values_s_mm2),
            series.role.name if series.role is not None else "",
            escape(series.reason),
        )
    terminal.console.print(table)
    for sequence in Sequence:
        role = study.roles.get(sequence)
        if role is None:
            terminal.console.print(f"{sequence.name}: absent")
            continue
        details = [f"series {role.series_number}" if role.series_number is not None else escape(role.series_uid)]
        if role.b_value_s_mm2 is not None:
            details.append(f"b {role.b_value_s_mm2:g} s/mm²")
        if role.derived:
            details.append(role.derived)
        terminal.console.print(f"{sequence.name}: {', '.join(details)}", highlight=False)
    show_warnings(study.warnings)
    for file in study.unreadable:
        terminal.say(f"file {file}: the DICOM header cannot be read")


def show_alignment(record: "AlignmentRecord") -> None:
    """One line that a technologist understands."""
    from zonate.report.alignment_facts import alignment_verdict

    terminal.say(f"alignment {alignment_verdict(record)}: {record.reason} ({record.seconds:.1f} s)")


def show_landmarks(errors: "LandmarkErrors") -> None:
    """How far landmarks lie from their places, in one line."""
    terminal.console.print(
        f"{errors.n} landmarks: {errors.mean_mm:.2f} mm off on average, {errors.max_mm:.2f} mm at most; "
        f"by the header {errors.header_mean_mm:.2f} mm and {errors.header_max_mm:.2f} mm",
        highlight=False,
        soft_wrap=True,
    )


def show_warnings(warnings: tuple[str, ...]) -> None:
    """A line a warning; what is said of many cases (`case X: …`), measured figures aside, is said once."""
    alike: dict[tuple[bool, str], list[tuple[str, str]]] = {}
    for warning in warnings:
        case, separator, text = warning.partition(": ")
        of_case = bool(separator) and case.startswith("case ")
        said = (case.removeprefix("case "), text) if of_case else ("", warning)
        alike.setdefault((of_case, _MEASURED.sub("#", said[1])), []).append(said)
    for (of_case, _), found in alike.items():
        line = _of_cases(list(dict.fromkeys(case for case, _ in found))) if of_case else ""
        line += _with_ranges([text for _, text in found])
        terminal.console.print(f"[yellow]warning:[/] {escape(line)}", highlight=False, soft_wrap=True)


def _of_cases(cases: list[str]) -> str:
    if len(cases) == 1:
        return f"case {cases[0]}: "
    more = f" and {len(cases) - _NAMES} more" if len(cases) > _NAMES else ""
    return f"{len(cases)} cases ({', '.join(cases[:_NAMES])}{more}): "


def _with_ranges(texts: list[str]) -> str:
    """Texts that differ by measured figures alone in one, with a range in place of each that differs."""
    ranges = []
    for figures in zip(*(_MEASURED.findall(text) for text in texts), strict=True):
        least, most = min(figures, key=float), max(figures, key=float)
        ranges.append(least if float(least) == float(most) else f"{least} to {most}")
    return _MEASURED.sub(lambda _: ranges.pop(0), texts[0])


def show_prediction(folder: Path, about: Mapping[str, Any]) -> None:
    """What makes a result doubtful, then what else is to be known of it, from zones.json."""
    if about["doubt"]:
        text = f"case {folder.name}: {about['doubt']}"
        terminal.console.print(f"[bold red]doubtful:[/] {escape(text)}", highlight=False, soft_wrap=True)
    others = [text for text in about["warnings"] if text not in about["doubt"]]
    show_warnings(tuple(f"case {folder.name}: {text}" for text in others))
    report = folder / "report.html"
    terminal.say(f"look at {report if report.exists() else folder / 'qc.png'}")


def show_address(address: str) -> None:
    """Where a page is served."""
    terminal.say(f"{address}\nfor this machine alone; Ctrl-C ends it")


def show_skipped(folders: Items[Path]) -> None:
    """What `--resume` found complete."""
    if folders:
        names = ", ".join(folder.name for folder in folders[:_NAMES])
        more = f" and {len(folders) - _NAMES} more" if len(folders) > _NAMES else ""
        terminal.say(f"{len(folders)} there already: {names}{more}")


def show_failures(failed: Mapping[str, str]) -> None:
    """The cases of a batch that were set aside."""
    if not failed:
        return
    terminal.console.print(f"[bold red]{len(failed)} failed[/] (what is not named here is done):", highlight=False)
    for case_id, message in failed.items():
        terminal.console.print(f"  {escape(case_id)}: {escape(message)}", highlight=False, soft_wrap=True)


def show_table(title: str, headings: list[str], rows: list[list[str]]) -> None:
    """A table whose first column is text and whose others are figures."""
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    terminal.console.print(table)


def show_facts(title: str, facts: Mapping[str, str]) -> None:
    """Names and what is said of each; nothing is cut, however narrow the terminal."""
    table = Table(title=escape(title), title_justify="left", box=None, show_header=False)
    table.padding, table.pad_edge = (0, 2, 0, 0), False
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, text in facts.items():
        table.add_row(escape(name), escape(text))
    terminal.console.print(table, highlight=False)


_SHOWN = ("hd95_mm", "volume_error_ml")


def show_summary(summary: Mapping[str, Any]) -> None:
    """The table of `evaluate`, from its summary.json: mean ± standard deviation and the interval of Dice.

    The title says where the model has learnt of these patients. A distance has no patient in whom a
    structure was missed: how many it has is said where they are fewer than Dice's.
    """
    rows = [
        [structure, str(of["dice"]["n"]), _spread(of["dice"]), _interval(of["dice"])]
        + [_spread(of[name], of["dice"]["n"]) for name in _SHOWN]
        for structure, of in summary["structures"].items()
    ]
    if not rows:
        terminal.console.print("nothing could be compared: reference and model share no structure")
        return
    headings = ["structure", "n", "Dice", "95 % interval", *(name.replace("_", " ") for name in _SHOWN)]
    show_table(f"Per patient, split {summary['split']}{_seen(summary)}", headings, rows)


def _seen(summary: Mapping[str, Any]) -> str:
    seen = summary["n_patients_seen_in_training"]
    return f"; seen in training: {seen} of {counted(summary['n_patients'], 'patient')}" if seen else ""


def show_readers(comparisons: list[dict[str, Any]]) -> None:
    """The table of `evaluate --compare-readers`: mean ± standard deviation of Dice, a row a pair."""
    if not comparisons:
        return
    structures = list(dict.fromkeys(name for pair in comparisons for name in pair["structures"]))
    rows = [
        [
            f"{pair['compared']} against {pair['reference']}",
            str(pair["n_images"]),
            *(_spread(pair["structures"][name]["dice"]) if name in pair["structures"] else "–" for name in structures),
        ]
        for pair in comparisons
    ]
    show_table("Dice on images that were read more than once", ["who", "images", *structures], rows)


def show_taken(result: "PrepareResult") -> None:
    """What `prepare` took of each data set, and what it left and why."""
    from zonate.dataset.splits import SPLITS

    rows = []
    for of in result.taken:
        cases = " + ".join(str(of["splits"].get(split, 0)) for split in SPLITS)
        rows.append([of["dataset"], of["licence"], str(of["patients"]), cases, ", ".join(of["codes"])])
    if rows:
        show_table("Taken", ["data set", "licence", "patients", "cases", "label codes"], rows)
        terminal.console.print(f"cases: {' + '.join(SPLITS)}", highlight=False)
    reasons: dict[str, list[str]] = {}
    for left in result.left_out:
        reasons.setdefault(left.reason, []).append(left.name)
    for reason, names in reasons.items():
        shown = ", ".join(names[:_NAMES]) + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "")
        terminal.say(f"left out: {shown}: {reason}")


def show_checked(result: "CheckResult") -> None:
    """The cases that stand out, with what was found about each."""
    terminal.console.print(f"of {counted(len(result.cases), 'case')} {len(result.outliers)} stand out", highlight=False)
    if not result.outliers:
        return
    table = Table(title="Look at these", title_justify="left")
    table.add_column("case", overflow="fold")
    table.add_column("data set")
    table.add_column("findings")
    for case in result.outliers:
        table.add_row(escape(case.case_id), escape(case.dataset), escape("\n".join(case.findings)))
    terminal.console.print(table)


def show_collection(result: "DownloadResult", *, fetched: bool) -> None:
    """What a public data set holds and asks for, and what of it lies here."""
    of = result.collection
    terminal.say(f"{of.title}, {', '.join(result.licences)}: {of.home}")
    if of.citation:
        terminal.say(f"cite: {of.citation}")
    if result.by_hand:
        terminal.console.print(
            "it is not in the NCI Imaging Data Commons: fetch it from there by hand", highlight=False
        )
        return
    terminal.console.print(
        f"{result.patients} patients with labels, {len(result.series)} series, {result.size_gb:.1f} GB; "
        f"{len(result.kept)} series are here already, {len(result.fetched)} were fetched now",
        highlight=False,
        soft_wrap=True,
    )
    if not fetched:
        terminal.console.print("nothing was fetched: add --yes", highlight=False)


def _spread(measure: Mapping[str, Any], expected: int | None = None) -> str:
    if measure["mean"] is None:
        return "–"
    fewer = f" (n {measure['n']})" if expected is not None and measure["n"] != expected else ""
    if measure["std"] is None:
        return f"{measure['mean']:.3g}{fewer}"
    return f"{measure['mean']:.2f} ± {measure['std']:.2f}{fewer}"


def _interval(measure: Mapping[str, Any]) -> str:
    low, high = measure["interval_95"]
    return "–" if low is None or high is None else f"{low:.2f} to {high:.2f}"
