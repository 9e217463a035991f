"""The b-value of an image, where each vendor writes it."""

import re
import struct
from collections.abc import Callable
from typing import Any

_SIEMENS = (0x0019, "SIEMENS MR HEADER", 0x0C)
_GE = (0x0043, "GEMS_PARM_01", 0x39)
_PHILIPS = (0x2001, "Philips Imaging DD 001", 0x03)
_SEQUENCE_NAME = re.compile(r"_b(\d{1,5})(?:t|#\d+)?$", re.IGNORECASE)
_DESCRIPTION = re.compile(r"(?<![a-z0-9])b[ =_-]{0,2}(\d{1,5})(?![\d.])", re.IGNORECASE)
_SEVERAL_IN_ONE = re.compile(r"(?<![a-z0-9])b[ =]?\d+(?:[-_,/]+b?\d{1,5}(?![a-z0-9.]))+", re.IGNORECASE)


def b_value_s_mm2(header: Any, *groups: Any) -> float | None:
    """The b-value in s/mm², by the first of these that says one.

    (0018,9087), also inside the frame's (0018,9117); Siemens (0019,100C), also as raw bytes; GE
    (0043,1039), first value modulo 1e9; Philips (2001,1003); DiffusionDirectionality NONE, which means 0;
    a SequenceName or PulseSequenceName such as `*ep_b800t`; a SeriesDescription such as `b800` or
    `b=1400`, if it names one value only.

    Args:
        header: The data set of the instance.
        groups: The functional groups of one frame, its own before the shared ones, for an enhanced object.

    Returns:
        None where nothing says a value.
    """
    rules: tuple[Callable[[Any], float | None], ...] = (_standard, _siemens, _ge, _philips, _undirected)
    found = (rule(source) for rule in rules for source in (header, *groups))
    by_tag = next((value for value in found if value is not None), None)
    if by_tag is not None:
        return by_tag
    by_sequence = _from_sequence_name(str(header.get("SequenceName") or header.get("PulseSequenceName") or ""))
    if by_sequence is not None:
        return by_sequence
    return b_value_in_description(str(header.get("SeriesDescription") or ""))


def b_value_in_description(description: str) -> float | None:
    """The single b-value that a description names, as `b800` or `b=1400`; None where it names none or several."""
    if _SEVERAL_IN_ONE.search(description):
        return None
    found = {float(text) for text in _DESCRIPTION.findall(description)}
    return found.pop() if len(found) == 1 else None


def private_value(source: Any, group: int, creator: str, element: int) -> Any:
    """The value of a private element, in whichever block its creator reserved; None where absent.

    Elements whose creator was stripped are taken from the first block, where every scanner puts them.
    """
    if source is None:
        return None
    creators = {
        block: str(source[(group, block)].value).strip() for block in range(0x10, 0x14) if (group, block) in source
    }
    blocks = [block for block, name in creators.items() if name.lower() == creator.lower()]
    if not creators:
        blocks = [0x10]
    for block in blocks:
        tag = (group, (block << 8) + element)
        if tag in source:
            return source[tag].value
    return None


def _standard(source: Any) -> float | None:
    value = _number(source.get("DiffusionBValue"))
    if value is None:
        for item in source.get("MRDiffusionSequence") or []:
            return _number(item.get("DiffusionBValue"))
    return value


def _number(value: Any) -> float | None:
    """The first number of a value that may be a number, text, raw bytes or a list of these."""
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace")
    if isinstance(value, str):
        value = value.split("\\")[0].strip(" \0")
    elif hasattr(value, "__getitem__") and hasattr(value, "__len__"):
        return _number(value[0]) if len(value) else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < float("inf") else None


def _siemens(source: Any) -> float | None:
    return _number(private_value(source, *_SIEMENS))


def _ge(source: Any) -> float | None:
    """GE adds multiples of 1e9 to some of its b-values."""
    value = _number(private_value(source, *_GE))
    return None if value is None else value % 1e9


def _philips(source: Any) -> float | None:
    """Philips writes a float, which arrives as four raw bytes where the VR was lost."""
    value = private_value(source, *_PHILIPS)
    if isinstance(value, bytes) and len(value) == 4:
        number = float(struct.unpack("<f", value)[0])
        return number if 0 <= number < 1e5 else None
    return _number(value)


def _undirected(source: Any) -> float | None:
    """A frame without diffusion weighting need not give the value."""
    said = [source, *(source.get("MRDiffusionSequence") or [])]
    return 0.0 if any(item.get("DiffusionDirectionality") == "NONE" for item in said) else None


def _from_sequence_name(name: str) -> float | None:
    """`*ep_b800t` and `*ep_b800#3` name the value; `*ep_b50_800` names what a map was computed from."""
    found = _SEQUENCE_NAME.search(name.strip())
    return float(found.group(1)) if found else None
