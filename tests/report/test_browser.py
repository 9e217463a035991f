"""The page in a real browser: it renders, loads nothing, and prints on two pages of A4."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pypdf
import pytest
from matplotlib.image import imread

from tests.report.cases import ABOUT_MODEL, CREATED, case, uncertainty, zones
from zonate.report.write import write_report

pytestmark = pytest.mark.slow

PZ, RED, PAPER = (86, 180, 233), (163, 18, 31), (255, 255, 255)
WIDTH, HEIGHT = 900, 1400


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    result = zones(uncertainty=uncertainty(doubtful=True, reason="the expected Dice of the gland is 0.61"))
    warned = replace(result, warnings=("DWI is absent", "the gland reaches the first or the last slice"))
    write_report(folder, case(), warned, ABOUT_MODEL, created=CREATED)
    return folder / "report.html"


def run(chromium: str, page: Path, *options: str) -> str:
    """What the browser writes about the page: its console and its network errors."""
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        f"--user-data-dir={page.parent / 'profile'}",
        *options,
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, cwd=page.parent).stderr


def share(pixels: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> float:
    return float((np.abs(pixels.astype(int) - colour).max(axis=-1) <= 3).mean())


def test_the_page_renders_without_a_complaint(chromium: str, report: Path, tmp_path: Path) -> None:
    picture = tmp_path / "screen.png"
    said = run(chromium, report, f"--screenshot={picture}", f"--window-size={WIDTH},{HEIGHT}")
    assert "CONSOLE" not in said
    pixels = (imread(picture)[..., :3] * 255).round().astype(np.uint8)  # (H, W, RGB)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert share(pixels, PAPER) > 0.4
    assert share(pixels, RED) > 0.01  # the banner: 186 × 9 mm
    assert share(pixels, PZ) > 0.0003  # outlines, legend, table
    banner = np.flatnonzero((np.abs(pixels.astype(int) - RED).max(axis=-1) <= 3).sum(axis=1) > WIDTH / 2)
    outlines = np.flatnonzero((np.abs(pixels.astype(int) - PZ).max(axis=-1) <= 3).any(axis=1))
    assert banner.max() < outlines.min()  # the doubt comes before the pictures


def test_a_page_that_would_load_something_is_complained_of(chromium: str, report: Path, tmp_path: Path) -> None:
    """So that the silence above means something."""
    page = tmp_path / "report.html"
    text = report.read_text(encoding="utf-8")
    page.write_text(text.replace("<main>", '<main><img src="https://example.invalid/x.png">'), encoding="utf-8")
    said = run(chromium, page, f"--screenshot={tmp_path / 'screen.png'}")
    assert "CONSOLE" in said
    assert "Content Security Policy" in said


def test_the_page_prints_on_two_pages_of_a4(chromium: str, report: Path, tmp_path: Path) -> None:
    printed = tmp_path / "printed.pdf"
    run(chromium, report, f"--print-to-pdf={printed}", "--no-pdf-header-footer")
    pages = pypdf.PdfReader(printed).pages
    assert len(pages) == 2
    first, second = (" ".join(page.extract_text().split()) for page in pages)
    for page in pages:
        assert (round(float(page.mediabox.width)), round(float(page.mediabox.height))) == (595, 842)
    assert "This result is doubtful: the expected Dice of the gland is 0.61." in first
    assert "95 % interval 3.6 to 10.8 ml" in first
    assert "Alignment of DWI and ADC" in first
    assert "Further pictures of these slices" in second
    for number, text in enumerate((first, second), start=1):
        assert f"page {number} of 2" in text
        assert "Prostate zones: case-1" in text
        assert "Research use only. Not for diagnosis." in text


def test_the_page_fits_a_narrow_screen(chromium: str, report: Path, tmp_path: Path) -> None:
    picture = tmp_path / "narrow.png"
    run(chromium, report, f"--screenshot={picture}", "--window-size=500,1400")
    pixels = (imread(picture)[..., :3] * 255).round().astype(np.uint8)
    assert pixels.shape == (1400, 500, 3)
    assert share(pixels[:, -6:], PAPER) == 1.0  # nothing runs over the right edge
