"""How each vendor's scanner writes its headers: above all, where it puts the b-value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset

from zonate.simulation.scan import Examination
from zonate.simulation.series import ImageSeries, Protocol

Mark = Callable[[Dataset, ImageSeries, float], None]


@dataclass(frozen=True)
class Vendor:
    """A way to write a study.

    Attributes:
        manufacturer, model, software: Headers.
        protocol: Its diffusion images.
        mark_b_value: Puts a b-value into an image's header; for an ADC map, the highest that it was fitted from.
        image_types: ImageType by kind of series.
        descriptions: SeriesDescription by kind of series; `{plane}` and `{b}` are filled in.
        mark_adc: Whether the ADC map carries a b-value as well, a trap.
        rescaled: Whether stored values become real ones by a slope that is not 1.
        multiframe: Whether a series is one enhanced multi-frame object.
        diffusion_sequence: ScanningSequence of its diffusion images, which are echo-planar whatever it says.
    """

    manufacturer: str
    model: str
    software: str
    protocol: Protocol
    mark_b_value: Mark
    image_types: Mapping[str, tuple[str, ...]]
    descriptions: Mapping[str, str]
    mark_adc: bool = False
    rescaled: bool = False
    multiframe: bool = False
    diffusion_sequence: str = "EP"

    def description(self, series: ImageSeries) -> str:
        """The SeriesDescription of a series."""
        b_values = [b for b in series.images if b is not None]
        b = f"{max(b_values):g}" if b_values else ""
        return self.descriptions[series.kind].format(plane=series.plane, b=b)

    def sequence_name(self, series: ImageSeries, b_value_s_mm2: float | None) -> str | None:
        """The SequenceName of an image, which only Siemens's classic objects have."""
        if self.manufacturer != "SIEMENS" or self.multiframe:
            return None
        if series.kind in ("localizer", "t2w"):
            return "*tse2d1_25" if series.kind == "t2w" else "*fl2d1"
        lowest, highest = self.protocol.b_values_s_mm2[0], self.protocol.b_values_s_mm2[-1]
        if series.kind == "trace" and b_value_s_mm2 is not None:
            return f"*ep_b{b_value_s_mm2:g}t"
        return f"*ep_b{lowest:g}_{highest:g}"


def _siemens(dataset: Dataset, series: ImageSeries, b_value_s_mm2: float) -> None:
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    text = f"{b_value_s_mm2:g}".encode()
    # As explicit VR scanners and archives hand it on: bytes, padded to an even length.
    block.add_new(0x0C, "OB", text + b" " * (len(text) % 2))
    del series


def _ge(dataset: Dataset, series: ImageSeries, b_value_s_mm2: float) -> None:
    block = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
    block.add_new(0x39, "IS", [int(1e9 + b_value_s_mm2), 8, 0, 0])
    del series


def _philips(dataset: Dataset, series: ImageSeries, b_value_s_mm2: float) -> None:
    block = dataset.private_block(0x2001, "Philips Imaging DD 001", create=True)
    block.add_new(0x03, "FL", b_value_s_mm2)
    del series


def _standard(dataset: Dataset, series: ImageSeries, b_value_s_mm2: float) -> None:
    dataset.DiffusionBValue = float(b_value_s_mm2)
    del series


def _nowhere(dataset: Dataset, series: ImageSeries, b_value_s_mm2: float) -> None:
    """Private elements were removed; SequenceName or SeriesDescription is all that is left."""
    del dataset, series, b_value_s_mm2


_SIEMENS_TYPES = {
    "localizer": ("ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"),
    "t2w": ("ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"),
    "trace": ("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW", "DIS2D"),
    "adc": ("DERIVED", "PRIMARY", "DIFFUSION", "ADC", "DIS2D"),
    "calculated": ("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW", "DIS2D"),
}
_SIEMENS_NAMES = {
    "localizer": "t2_localizer",
    "t2w": "t2_tse_{plane}",
    "trace": "ep2d_diff_tra_DYNDIST",
    "adc": "ep2d_diff_tra_DYNDIST_ADC",
    "calculated": "ep2d_diff_tra_DYNDISTCALC_BVAL",
}
_GE_TYPES = {
    "localizer": ("ORIGINAL", "PRIMARY", "OTHER"),
    "t2w": ("ORIGINAL", "PRIMARY", "OTHER"),
    "trace": ("ORIGINAL", "PRIMARY", "OTHER"),
    "adc": ("DERIVED", "PRIMARY", "ADC"),
}
_PHILIPS_TYPES = {
    "localizer": ("ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"),
    "t2w": ("ORIGINAL", "PRIMARY", "M_SE", "M", "SE"),
    "trace": ("ORIGINAL", "PRIMARY", "M_SE", "M", "SE"),
    "adc": ("DERIVED", "PRIMARY", "ADC", "ADC", "UNSPECIFIED"),
}
_ENHANCED_TYPES = {
    "localizer": ("ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"),
    "t2w": ("ORIGINAL", "PRIMARY", "T2", "NONE"),
    "trace": ("DERIVED", "PRIMARY", "DIFFUSION", "NONE"),
    "adc": ("DERIVED", "PRIMARY", "DIFFUSION", "ADC"),
}

VENDORS: dict[str, Vendor] = {
    "siemens": Vendor(
        "SIEMENS",
        "Skyra",
        "syngo MR D11",
        Protocol((50, 400, 800), calculated_b_value_s_mm2=1400),
        _siemens,
        _SIEMENS_TYPES,
        _SIEMENS_NAMES,
        mark_adc=True,
    ),
    "ge": Vendor(
        "GE MEDICAL SYSTEMS",
        "DISCOVERY MR750w",
        "27",
        Protocol((0, 500, 1400)),
        _ge,
        _GE_TYPES,
        {
            "localizer": "3-Plane T2 Loc",
            "t2w": "{plane} T2 FRFSE",
            "trace": "Ax DWI",
            "adc": "Apparent Diffusion Coefficient (mm2/s)",
        },
    ),
    "philips": Vendor(
        "Philips Medical Systems",
        "Ingenia",
        "5.3.0",
        Protocol((0, 400, 800)),
        _philips,
        _PHILIPS_TYPES,
        {"localizer": "Survey T2", "t2w": "T2W_TSE_{plane}", "trace": "DWI_3b", "adc": "dADC_DWI_3b"},
        rescaled=True,
        diffusion_sequence="SE",
    ),
    "enhanced": Vendor(
        "SIEMENS",
        "MAGNETOM Vida",
        "syngo MR XA31",
        Protocol((50, 400, 1000)),
        _standard,
        _ENHANCED_TYPES,
        {"localizer": "t2_localizer", "t2w": "t2_tse_{plane}", "trace": "ep2d_diff_TRACEW", "adc": "ep2d_diff_ADC"},
        multiframe=True,
    ),
    "sequence-name": Vendor(
        "SIEMENS",
        "TrioTim",
        "syngo MR B17",
        Protocol((50, 400, 800)),
        _nowhere,
        _SIEMENS_TYPES,
        _SIEMENS_NAMES,
    ),
    "description": Vendor(
        "GE MEDICAL SYSTEMS",
        "SIGNA HDxt",
        "24",
        Protocol((50, 1400), one_series_per_b=True),
        _nowhere,
        _GE_TYPES,
        {"localizer": "t2 loc", "t2w": "{plane} T2", "trace": "{plane} DWI b={b}", "adc": "{plane} ADC"},
    ),
    "standard": Vendor(
        "Canon Medical Systems",
        "Vantage Galan 3T",
        "V6.0",
        Protocol((0, 1000)),
        _standard,
        _GE_TYPES,
        {"localizer": "Locator t2", "t2w": "{plane} FSE T2", "trace": "{plane} DWI", "adc": "{plane} ADC"},
    ),
}
"""In the order in which `simulate` goes round; each b-value rule has one that needs it."""


def in_plane_phase(examination: Examination, series: ImageSeries) -> str:
    """InPlanePhaseEncodingDirection of a series."""
    return examination.phase_axis if series.kind in ("trace", "adc", "calculated") else "ROW"
