"""Which series plays which role, and why; and what its faults mean for the study."""

from collections import Counter
from collections.abc import Collection, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, field

from zonate.errors import AmbiguousSeriesError, CorruptSeriesError, MissingSeriesError, StudyError
from zonate.io.diffusion import choose_diffusion
from zonate.io.series import KNOWN_MAPS, Kind, SeriesHeaders, lie_together
from zonate.io.stacks import Fault, faults, late_start, planes_lacking
from zonate.io.t2w import T2wChoice, choose_t2w
from zonate.settings.data import ReadingSettings
from zonate.study import Role, Sequence

_MOST_LACKING_SLICES = 2
"""A series on the planes of another that lacks more was planned shorter."""


@dataclass
class Roles:
    """What was decided.

    Attributes:
        roles: For each role its series.
        chosen: For each role the series itself, for its frames.
        reasons: Why each series has its role or none, by position in the list of series.
        warnings: Without patient data, and without names of files, which may tell who the patient is.
    """

    roles: dict[Sequence, Role] = field(default_factory=dict)
    chosen: dict[Sequence, SeriesHeaders] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def choose_roles(
    series: Items[SeriesHeaders],
    case: str,
    settings: ReadingSettings,
    overrides: Mapping[Sequence, int],
    only: Sequence | None = None,
) -> Roles:
    """Settle the roles by headers first; then refuse the study if a chosen series is faulty.

    Args:
        series: All series of the study.
        case: How messages name the study, such as `case X`.
        settings: How a study is read.
        overrides: Series numbers that the user gave.
        only: The one role that is wanted; where None all are, and T2W is needed.

    Raises:
        MissingSeriesError: The needed role, or an override, has no series.
        AmbiguousSeriesError: Nothing in the headers decides between two series.
        CorruptSeriesError: A series that holds a role has missing, doubled, truncated or contradicting files.
        StudyError: The series that could hold roles are of several patients or examinations.
    """
    result = Roles()
    _check_one_patient(series, case, result)
    given = {role: _overridden(series, role, number, case) for role, number in overrides.items()}
    _question(given, case, result)
    _choose_t2w(series, given.get(Sequence.T2W), case, result)
    choice = choose_diffusion(series, result.chosen.get(Sequence.T2W), given, settings, case)
    for role, (chosen, why, b_value, derived) in choice.items():
        result.chosen[role] = chosen
        result.roles[role] = Role(chosen.uid, chosen.number, b_value, derived)
        index = series.index(chosen)
        result.reasons[index] = f"{result.reasons[index]}; {role.name}: {why}" if index in result.reasons else why
    needed = Sequence.T2W if only is None else only
    if needed not in result.chosen:
        raise MissingSeriesError(_missing(series, needed, case))
    if only is not None:
        result.roles, result.chosen = {only: result.roles[only]}, {only: result.chosen[only]}
    _check_faults(series, given, case, result)
    _tell_of_unknown_maps(series, result)
    _compare_coverage(case, overrides, result)
    _compare_frames(result)
    return result


def absent(roles: Collection[Sequence]) -> tuple[str, ...]:
    """The warning that DWI or ADC is absent; none where both are there."""
    names = [role.name for role in (Sequence.DWI, Sequence.ADC) if role not in roles]
    return (f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} absent",) if names else ()


def is_of_absence(warning: str) -> bool:
    """Whether it is one that `absent` gives: a model that does not look at DWI and ADC has no use for it."""
    return any(warning in absent(roles) for roles in ((), (Sequence.DWI,), (Sequence.ADC,)))


_KINDS = {
    Sequence.T2W: (Kind.T2,),
    Sequence.DWI: (Kind.TRACE, Kind.CALCULATED),
    Sequence.ADC: (Kind.ADC, Kind.TRACE),
}


def _question(given: Mapping[Sequence, SeriesHeaders], case: str, result: Roles) -> None:
    """The user's word counts, but what the headers hold against it is said; one series cannot be T2W and another."""
    for role, series in given.items():
        if role is not Sequence.T2W and series is given.get(Sequence.T2W):
            raise StudyError(f"{case}: {series.label} is given both as T2W and as {role.name}: give each its own")
        if series.kind not in _KINDS[role] or series.plane != "axial":
            plane = series.plane or "several planes"
            result.warnings.append(
                f"{series.label} is given as {role.name}, but its headers say: {plane}; {series.why}"
            )


def _choose_t2w(series: Items[SeriesHeaders], given: SeriesHeaders | None, case: str, result: Roles) -> None:
    candidates = [s for s in series if s.kind is Kind.T2 and s.is_axial_volume]
    if given is None and not candidates:
        return
    choice = choose_t2w(candidates, case) if given is None else T2wChoice(given, "given by the user", [], [])
    result.chosen[Sequence.T2W] = choice.series
    result.roles[Sequence.T2W] = Role(choice.series.uid, choice.series.number)
    for other, why in [(choice.series, choice.why), *choice.others]:
        result.reasons[series.index(other)] = why
    result.warnings.extend(choice.warnings)


def _overridden(series: Items[SeriesHeaders], role: Sequence, number: int, case: str) -> SeriesHeaders:
    found = [s for s in series if s.number == number]
    if not found:
        numbers = ", ".join(str(s.number) for s in series if s.number is not None)
        raise MissingSeriesError(f"{case}: there is no series {number} to be {role.name}; the series are {numbers}")
    fitting = {
        Sequence.T2W: (Kind.T2,),
        Sequence.DWI: (Kind.TRACE, Kind.CALCULATED),
        Sequence.ADC: (Kind.ADC,),
    }[role]
    best = [s for s in found if s.kind in fitting] or found
    if len(best) > 1:
        raise AmbiguousSeriesError(
            f"{case}: {len(best)} series have the number {number}: keep one of them in the study"
        )
    return best[0]


def _check_one_patient(series: Items[SeriesHeaders], case: str, result: Roles) -> None:
    """Refuse series of several patients or examinations that could hold a role; warn of others."""
    for what, attribute in (("patient", "patient"), ("examination", "study_uid")):
        frames = [
            (s, frame, getattr(frame, attribute)) for s in series for frame in s.frames if getattr(frame, attribute)
        ]
        counts = Counter(value for s, _, value in frames if _could_hold_a_role(s)) or Counter(v for *_, v in frames)
        if not counts:
            continue
        usual = counts.most_common(1)[0][0]
        odd = [(s, frame) for s, frame, value in frames if value != usual]
        serious = [(s, frame) for s, frame in odd if _could_hold_a_role(s)]
        if serious:
            s, frame = serious[0]
            raise StudyError(
                f"{case} holds images of {len(counts)} {what}s: {s.label}, file {frame.name}, is of another {what} "
                "than most: give each a folder of its own"
            )
        if odd:
            s, frame = odd[0]
            result.warnings.append(f"{s.label} has no role and is of another {what}: file {frame.number}")


def _could_hold_a_role(series: SeriesHeaders) -> bool:
    return series.kind in (Kind.TRACE, Kind.CALCULATED, Kind.ADC) or (
        series.kind is Kind.T2 and series.plane == "axial"
    )


def _check_faults(
    series: Items[SeriesHeaders], given: Mapping[Sequence, SeriesHeaders], case: str, result: Roles
) -> None:
    """Refuse a faulty series that holds a role; warn of one that holds none, and of a late start that is the user's."""
    for s in series:
        roles = [role for role, chosen in result.chosen.items() if chosen is s]
        found = s.faults
        for role in roles:
            diffusion = role is Sequence.DWI or result.roles[role].derived is not None
            found = found or tuple(faults(s.frames, diffusion=diffusion))
        late = tuple(fault for fault in late_start(s.frames) if fault in found)
        names = " and ".join(role.name for role in roles)
        if late and roles and all(given.get(role) is s for role in roles):
            found = tuple(fault for fault in found if fault not in late)
            result.warnings.append(f"{s.label}, which is {names}, is used as it is given, but {late[0].by_number}")
        if roles and found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            this = f"give it by its number as {names} to use it as it is, or " if found == late else ""
            raise CorruptSeriesError(
                f"{case}: {s.label}, which is {names}, cannot be used: {found[0]}{more}. "
                f"Fetch the series again, {this or 'or '}give another one for the role"
            )
        if found and not roles:
            result.warnings.append(f"{s.label} has no role: {found[0].by_number}")


def _tell_of_unknown_maps(series: Items[SeriesHeaders], result: Roles) -> None:
    """Where no ADC map was found: what the scanner derived on the planes of the DWI may be one under another name."""
    dwi = result.chosen.get(Sequence.DWI)
    adc = result.roles.get(Sequence.ADC)
    if dwi is None or (adc is not None and adc.derived is None):
        return
    for s in series:
        derived = any("DERIVED" in frame.image_type for frame in s.frames)
        if derived and s.kind is Kind.OTHER and s.why not in KNOWN_MAPS and lie_together(dwi, s):
            result.warnings.append(
                f"{s.label} is derived and lies on the planes of the DWI ({dwi.label}), but nothing says that it is an "
                "ADC map: if it is one, give it by its number as ADC"
            )


def _compare_coverage(case: str, overrides: Collection[Sequence], result: Roles) -> None:
    """A slice taken away at an end leaves no gap; a partner on the very same planes still shows it."""
    partners = {
        Sequence.T2W: (Sequence.DWI, Sequence.ADC),
        Sequence.DWI: (Sequence.ADC,),
        Sequence.ADC: (Sequence.DWI,),
    }
    for role, others in partners.items():
        own, other = result.chosen.get(role), next((result.chosen[r] for r in others if r in result.chosen), None)
        if own is None or other is None or own.frame_of_reference != other.frame_of_reference:
            continue
        n = planes_lacking(own.frames, other.frames)
        if not 1 <= n <= _MOST_LACKING_SLICES:
            continue
        first = min(own.frames, key=lambda frame: frame.name)
        fault = Fault(
            f"{own.label}, which is {role.name} (file {{}} and others), lies on the very planes of {other.label} but "
            f"lacks {n} at an end: {own.slices} of {other.slices} slices",
            (first,),
        )
        if role not in overrides:
            raise CorruptSeriesError(
                f"{case}: {fault}. Fetch the series again, or give it by its number as {role.name} to use it as it is"
            )
        result.warnings.append(fault.by_number)


def _compare_frames(result: Roles) -> None:
    t2w = result.chosen.get(Sequence.T2W)
    for role in (Sequence.DWI, Sequence.ADC):
        other = result.chosen.get(role)
        if t2w is not None and other is not None and t2w.frame_of_reference != other.frame_of_reference:
            result.warnings.append(
                f"{role.name} ({other.label}) has another frame of reference than T2W ({t2w.label}): the patient may "
                "have been positioned anew; look at the alignment"
            )


def _missing(series: Items[SeriesHeaders], role: Sequence, case: str) -> str:
    what = {
        Sequence.T2W: "axial T2 TSE series of at least 3 slices",
        Sequence.DWI: "trace-weighted diffusion series",
        Sequence.ADC: "ADC map, and no diffusion series of two b-values to fit one",
    }[role]
    if not series:
        return (
            f"{case} holds no MR image in DICOM and no volume named {role.name.lower()}: give the study's folder or zip"
        )
    there = "; ".join(
        f"{s.label}: {s.plane or 'several planes'}, {s.slices} slices, {s.kind.value}"
        + (f" ({s.why})" if s.kind is Kind.OTHER else "")
        + (f", faulty: {s.faults[0]}" if s.faults else "")
        for s in series
    )
    return (
        f"{case} has no {what}, so {role.name} is missing. There are: {there}. "
        f"Add the series, or say by its number which one is {role.name}"
    )
