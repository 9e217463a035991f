"""The viewer, driven in a real browser that can reach this machine only."""

import gzip
import io
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Browser, Dialog, Locator, Page, Route, ViewportSize, expect, sync_playwright

from tests.web.results import DOUBT, SPOT, WARNING, acquired_grid, write_result
from zonate.geometry import Volume, to_canonical
from zonate.io.nifti import read_volume, write_volume
from zonate.verbs.view import save_correction
from zonate.web.server import ViewerServer
from zonate.zones import LabelCode

pytestmark = pytest.mark.slow

SOFTWARE_WEBGL = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
SPOT_SLICE = 5  # canonical S 4, counted from 1
SIZE: ViewportSize = {"width": 1100, "height": 700}
GRIDS = {
    "axial, flipped": acquired_grid(),
    "axes in another order": acquired_grid(order=(2, 0, 1), flipped=(False, True, True)),
}


def chromium() -> str | None:
    """The browser that the system has; none is downloaded."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = chromium()
    if executable is None:
        pytest.skip("no Chromium is installed: chromium, chromium-browser or google-chrome")
    root = (
        ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    )  # it refuses to run as root otherwise
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=[*SOFTWARE_WEBGL, *root])
        yield running
        running.close()


@dataclass
class Viewer:
    """An open page, and what it did besides what was asked."""

    page: Page
    server: ViewerServer
    folder: Path
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def canvas(self, pane: str) -> Locator:
        return self.page.locator(f".pane-{pane} canvas")

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def pixels(self, pane: str) -> npt.NDArray[np.int16]:
        """(height, width, 3) of a pane as it is seen, mouse aside."""
        self.page.mouse.move(SIZE["width"] - 5, SIZE["height"] - 5)
        self.settle()
        picture = Image.open(io.BytesIO(self.canvas(pane).screenshot())).convert("RGB")
        return np.asarray(picture, dtype=np.int16)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def slice_number(self) -> int:
        return int(self.page.locator("#where").get_attribute("data-slice") or 0)

    def click(self, pane: str, at: tuple[float, float]) -> None:
        """Click at (x, y) in CSS pixels from the corner of the pane's canvas."""
        self.canvas(pane).click(position={"x": at[0], "y": at[1]})
        self.settle()

    def wait_for_message(self, text: str) -> None:
        expect(self.page.locator("#message")).to_contain_text(text)

    def go_to_slice(self, number: int) -> None:
        while self.slice_number() != number:
            self.press("ArrowUp" if self.slice_number() < number else "ArrowDown")

    def set_diameter(self, mm: float) -> None:
        self.page.locator("#diameter").fill(str(mm))

    def spot(self) -> tuple[float, float]:
        """Where the T2W pane shows SPOT: the middle of what is brightest there, in CSS pixels from its corner."""
        self.press("h", "c")
        bright = np.argwhere(self.pixels("t2w").min(axis=2) > 200)
        self.press("h", "c")
        inner = bright[np.abs(bright - np.median(bright, axis=0)).max(axis=1) < 60]  # without the caption's letters
        middle = inner.mean(axis=0)
        return float(middle[1]), float(middle[0])

    def saved_labels(self, name: str) -> npt.NDArray[np.uint8]:
        """Canonical (S, H, W)."""
        return np.asarray(to_canonical(read_volume(self.folder / name)).values, dtype=np.uint8)


def open_viewer(browser: Browser, folder: Path, *others: Path) -> Iterator[Viewer]:
    cases = {case.name: case for case in (folder, *others)}
    with ViewerServer(cases, save_correction) as server, browser.new_context(viewport=SIZE) as context:
        page = context.new_page()
        viewer = Viewer(page, server, folder)

        def only_this_machine(route: Route) -> None:
            if route.request.url.startswith(server.address):
                route.continue_()
            else:
                viewer.foreign.append(route.request.url)
                route.abort()

        context.route("**/*", only_this_machine)
        page.on("console", lambda message: viewer.complaints.append(message.text))
        page.on("pageerror", lambda error: viewer.complaints.append(str(error)))
        page.goto(server.address_to_open)
        page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
        viewer.settle()
        yield viewer
        assert viewer.complaints == []
        assert viewer.foreign == []


@pytest.fixture
def viewer(browser: Browser, tmp_path: Path) -> Iterator[Viewer]:
    yield from open_viewer(browser, write_result(tmp_path / "case-1"))


@pytest.fixture
def viewer_of_two(browser: Browser, tmp_path: Path) -> Iterator[Viewer]:
    yield from open_viewer(
        browser, write_result(tmp_path / "case-1"), write_result(tmp_path / "case-2", adc=False, entropy=False)
    )


@pytest.fixture(params=GRIDS, ids=[name.replace(" ", "-") for name in GRIDS])
def viewer_of_any_grid(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Viewer]:
    yield from open_viewer(browser, write_result(tmp_path / "case-1", GRIDS[request.param]))


def test_it_opens_without_a_network(viewer: Viewer) -> None:
    page = viewer.page
    assert page.title() == "case-1 · Zonate"
    assert "#" not in page.url
    assert page.locator("#research-use").inner_text() == "Research use only. Not for diagnosis."
    assert page.locator("#research-use").is_visible()
    assert page.locator("#warnings li").all_inner_texts() == [WARNING]
    assert page.locator("#doubt").inner_text() == f"This result is doubtful: {DOUBT}"
    assert page.locator("figcaption").all_inner_texts() == ["T2W", "ADC"]
    marked = [
        row.inner_text().split() for row in page.locator("#zones li").all() if "not validated" in row.inner_text()
    ]
    assert [row[0] for row in marked] == ["AFS"]
    volumes = [page.locator(f"#zone-{code}-volume").inner_text() for code in (1, 2, 3, 4)]
    # 6 × 24 × 28 voxels of 0.003 ml less those of TZ and AFS, 6 × 14 × 20 less the urethra's, 2 × 3 × 3, 6 × 2 × 12
    assert volumes == ["6.6", "5.0", "0.1", "0.4"]
    assert page.locator("#gland-volume").inner_text() == "12.1"
    assert page.locator("#gland-interval").inner_text() == "predicted, 95 % interval 3.0 to 5.0 ml"


def test_the_wheel_and_the_keys_scroll_all_panes_together(viewer: Viewer) -> None:
    start = viewer.slice_number()
    adc = viewer.pixels("adc")
    viewer.canvas("t2w").hover(position={"x": 200, "y": 200})
    viewer.page.mouse.wheel(0, 100)
    viewer.settle()
    assert viewer.slice_number() == start - 1
    viewer.press("ArrowUp", "ArrowUp")
    assert viewer.slice_number() == start + 1
    for _ in range(10):
        viewer.press("ArrowUp")
    assert viewer.slice_number() == 8
    assert "slice 8 / 8" in viewer.page.locator("#where").inner_text()
    assert (viewer.pixels("adc") != adc).any()  # there are no zones in the last slice


def test_a_zone_is_hidden_and_shown_by_mouse_and_key(viewer: Viewer) -> None:
    all_shown = {pane: viewer.pixels(pane) for pane in ("t2w", "adc")}
    viewer.press("2")
    without_tz = {pane: viewer.pixels(pane) for pane in ("t2w", "adc")}
    assert all((np.abs(without_tz[pane] - all_shown[pane]).max(axis=2) > 30).sum() > 1000 for pane in all_shown)
    assert not viewer.page.locator("#zone-2-shown").is_checked()
    viewer.page.locator("#zones li").nth(1).locator(".shown").click()
    np.testing.assert_array_equal(viewer.pixels("t2w"), all_shown["t2w"])
    viewer.page.locator("#opacity").fill("0")
    assert (viewer.pixels("t2w") != all_shown["t2w"]).any()


def test_the_patients_left_is_on_the_right_and_anterior_is_up(viewer_of_any_grid: Viewer) -> None:
    viewer = viewer_of_any_grid
    viewer.go_to_slice(SPOT_SLICE)
    height, width, _ = viewer.pixels("t2w").shape
    x, y = viewer.spot()
    assert x > width / 2 + 20
    assert y < height / 2 - 20
    assert viewer.page.locator(".pane-t2w .sides i").all_inner_texts() == ["R", "L", "A", "P"]


def test_brush_undo_eraser_and_saving(viewer_of_any_grid: Viewer) -> None:
    viewer, page = viewer_of_any_grid, viewer_of_any_grid.page
    viewer.go_to_slice(SPOT_SLICE)
    spot = viewer.spot()
    predicted = viewer.saved_labels("zones.nii.gz")
    assert page.locator("#save").is_disabled()

    viewer.press("Shift+4")
    assert page.locator("#painting").inner_text() == "Paints anterior fibromuscular stroma."
    viewer.set_diameter(3)  # a disc of 1.5 mm holds the nine voxels of SPOT: the corner is √2 mm away
    viewer.click("t2w", spot)
    assert page.locator("#zone-4-volume").inner_text().split() == ["0.5", "+0.03"]
    viewer.press("z")
    assert page.locator("#zone-4-volume").inner_text() == "0.4"
    assert page.locator("#save").is_disabled()
    viewer.press("y")
    assert page.locator("#zone-4-volume").inner_text().split() == ["0.5", "+0.03"]
    viewer.press("Control+s")
    viewer.wait_for_message("Saved zones.edited.nii.gz")
    assert page.locator("#save").is_disabled()
    expected = predicted.copy()
    expected[SPOT] = LabelCode.AFS
    np.testing.assert_array_equal(viewer.saved_labels("zones.edited.nii.gz"), expected)

    viewer.press("e")
    viewer.set_diameter(1)  # the voxel under the pointer alone
    viewer.click("t2w", spot)
    page.locator("#save").click()
    viewer.wait_for_message("Saved zones.edited-2.nii.gz")
    np.testing.assert_array_equal(viewer.saved_labels("zones.edited.nii.gz"), expected)
    expected[4, 13, 31] = LabelCode.BACKGROUND
    np.testing.assert_array_equal(viewer.saved_labels("zones.edited-2.nii.gz"), expected)
    np.testing.assert_array_equal(viewer.saved_labels("zones.nii.gz"), predicted)
    readings = page.locator("#reading option").all_inner_texts()
    assert readings == ["as predicted", "zones.edited.nii.gz", "zones.edited-2.nii.gz"]
    assert page.locator("#reading").input_value() == "zones.edited-2.nii.gz"


def test_a_hidden_zone_and_the_other_zones_can_be_kept(viewer: Viewer) -> None:
    page = viewer.page
    viewer.go_to_slice(SPOT_SLICE)
    spot = viewer.spot()
    viewer.set_diameter(3)
    viewer.press("Shift+4", "2")  # SPOT lies in the TZ, which is hidden now
    viewer.click("t2w", spot)
    assert page.locator("#undo").is_disabled()
    viewer.press("2", "p")
    viewer.click("t2w", spot)
    assert page.locator("#undo").is_disabled()
    viewer.press("p", "4")  # what would be painted is hidden: nobody would see it grow
    expect(page.locator("#painting")).to_have_text("anterior fibromuscular stroma is hidden: show it to paint it.")
    viewer.click("t2w", spot)
    assert page.locator("#undo").is_disabled()
    viewer.press("p", "4")
    viewer.press("p")
    viewer.click("t2w", spot)
    assert page.locator("#undo").is_enabled()


def test_a_drag_paints_without_gaps(viewer: Viewer) -> None:
    box = viewer.canvas("t2w").bounding_box()
    assert box is not None
    viewer.press("Shift+3")
    viewer.set_diameter(1)
    y = box["y"] + box["height"] / 2
    viewer.page.mouse.move(box["x"] + box["width"] * 0.3, y)
    viewer.page.mouse.down()
    viewer.page.mouse.move(box["x"] + box["width"] * 0.6, y)  # in one jump
    viewer.page.mouse.up()
    viewer.press("Control+s")
    viewer.wait_for_message("Saved")
    painted = np.argwhere(viewer.saved_labels("zones.edited.nii.gz") != viewer.saved_labels("zones.nii.gz"))
    assert len(painted) > 5
    assert len({(int(s), int(h)) for s, h, _ in painted}) == 1
    columns = np.sort(painted[:, 2])
    assert (np.diff(columns) == 1).all()


def test_a_right_drag_changes_the_window_of_its_pane_alone(viewer: Viewer) -> None:
    before, adc = viewer.page.locator(".pane-t2w > output").inner_text(), viewer.pixels("adc")
    t2w = viewer.pixels("t2w")
    box = viewer.canvas("t2w").bounding_box()
    assert box is not None
    viewer.page.mouse.move(box["x"] + 100, box["y"] + 100)
    viewer.page.mouse.down(button="right")
    viewer.page.mouse.move(box["x"] + 180, box["y"] + 100, steps=4)
    viewer.page.mouse.up(button="right")
    numbers = [
        [float(value) for value in re.findall(r"[\d.]+", text)]
        for text in (before, viewer.page.locator(".pane-t2w > output").inner_text())
    ]
    assert numbers[1][0] == pytest.approx(numbers[0][0] * 1.2, abs=2)  # 80 of the 400 pixels that double it
    assert numbers[1][1] == numbers[0][1]
    assert (viewer.pixels("t2w") != t2w).any()
    np.testing.assert_array_equal(viewer.pixels("adc"), adc)
    viewer.press("r")
    assert viewer.page.locator(".pane-t2w > output").inner_text() == before


def test_what_was_not_measured_is_empty(viewer: Viewer) -> None:
    viewer.press("h", "c")
    picture = viewer.pixels("adc")
    height, width, _ = picture.shape
    strip = picture[height // 2 - 20 : height // 2 - 5]
    assert strip[:, width // 4].min() > 100  # the patient's right: ADC 1500
    assert strip[:, width * 3 // 4].max() == 0  # the patient's left: not measured
    viewer.click("adc", (width * 0.75, height * 0.5))
    assert "ADC not measured" in viewer.page.locator("#where").inner_text()
    viewer.click("adc", (width * 0.25, height * 0.5))
    assert "ADC 1500 10⁻⁶ mm²/s" in viewer.page.locator("#where").inner_text()


def test_the_uncertainty_map_and_the_layouts(viewer: Viewer) -> None:
    page, plain = viewer.page, viewer.pixels("t2w")
    viewer.press("u")
    expect(page.locator("#uncertainty")).to_be_checked()
    page.wait_for_timeout(300)
    assert (np.abs(viewer.pixels("t2w") - plain).max(axis=2) > 30).sum() > 1000
    viewer.press("u", "m")
    assert viewer.canvas("t2w").is_visible()
    assert not viewer.canvas("adc").is_visible()
    assert page.locator(".pane-t2w .sides i").all_inner_texts() == list("RLAPRLSIAPSI")
    viewer.press("d")
    surface = page.locator(".surface canvas")
    surface.wait_for(state="visible")
    page.wait_for_timeout(1500)
    picture = np.asarray(Image.open(io.BytesIO(surface.screenshot())).convert("RGB"))
    assert (picture.max(axis=2) > 60).mean() > 0.05
    viewer.press("a")
    np.testing.assert_array_equal(viewer.pixels("t2w"), plain)


def test_leaving_an_unsaved_correction_is_asked_about(viewer: Viewer) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    viewer.page.on("dialog", stay)
    viewer.press("b")
    viewer.click("t2w", (200, 200))
    viewer.page.close(run_before_unload=True)
    for _ in range(50):
        if asked:
            break
        viewer.page.wait_for_timeout(100)
    assert asked == ["beforeunload"]


def test_another_case_is_opened_in_its_place(viewer_of_two: Viewer) -> None:
    viewer, page = viewer_of_two, viewer_of_two.page
    viewer.press("u", "d")
    page.locator("#case").select_option(label="case-2")
    expect(page).to_have_title("case-2 · Zonate")
    page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
    assert page.locator("figcaption").all_inner_texts() == ["T2W"]
    assert viewer.canvas("t2w").is_visible()
    assert not page.locator("#uncertainty-section").is_visible()
    viewer.press("Shift+1")
    viewer.click("t2w", (250, 250))
    viewer.press("Control+s")
    viewer.wait_for_message("Saved zones.edited.nii.gz")
    assert not (viewer.folder / "zones.edited.nii.gz").exists()
    assert (viewer.folder.parent / "case-2" / "zones.edited.nii.gz").exists()
    page.locator("#case").select_option(label="case-1")
    expect(page.locator(".pane-adc")).to_be_visible(timeout=60_000)


HOLD_BACK = """(part) => {
  const fetched = window.fetch
  window.fetch = async (url, options) => {
    if (String(url).includes(part)) await new Promise((done) => (window.letThrough = done))
    return fetched(url, options)
  }
}"""
"""Holds back what the page asks for under an address with this part, until `letThrough` is called."""


def choose_at_once(page: Page, chosen: str, name: str = "case") -> None:
    """Choose a case or a reading also while the list is closed to the user."""
    page.evaluate(
        "([name, chosen]) => { const list = document.getElementById(name); list.value = chosen;"
        " list.dispatchEvent(new Event('change')) }",
        [name, chosen],
    )


def test_a_case_that_comes_late_is_not_shown_under_the_name_of_another(viewer_of_two: Viewer) -> None:
    """Case 2 is slow to come, and while it does case 1 is chosen again: its own image, zones and warnings are seen."""
    viewer, page = viewer_of_two, viewer_of_two.page
    page.evaluate(HOLD_BACK, "/cases/1/volumes/t2w")
    page.locator("#case").select_option(label="case-2")
    page.wait_for_function("() => window.letThrough")
    assert page.locator("#case").is_disabled()
    assert page.locator("#save").is_disabled()
    assert not page.locator("#panes").is_visible()  # what is still there is of another case than the list names
    assert not page.locator("#doubt").is_visible()
    viewer.press("b")
    assert page.locator("#tool-brush").get_attribute("aria-pressed") == "false"

    choose_at_once(page, "0")
    page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
    page.evaluate("() => window.letThrough()")
    page.wait_for_timeout(2000)
    assert page.title() == "case-1 · Zonate"
    assert page.locator("#case").input_value() == "0"
    assert page.locator("figcaption").all_inner_texts() == ["T2W", "ADC"]  # case 2 has no ADC
    assert page.locator(".pane canvas").count() == 3  # with that of the surface
    viewer.press("Shift+1")
    viewer.click("t2w", (200, 200))
    viewer.press("Control+s")
    viewer.wait_for_message("Saved")
    assert (viewer.folder / "zones.edited.nii.gz").exists()


def test_a_case_that_cannot_be_opened_leaves_the_one_that_is(viewer_of_two: Viewer) -> None:
    viewer, page = viewer_of_two, viewer_of_two.page
    before = viewer.pixels("t2w")
    (viewer.folder.parent / "case-2" / "t2w.nii.gz").unlink()
    page.locator("#case").select_option(label="case-2")
    viewer.wait_for_message("there is no t2w.nii.gz")
    assert page.title() == "case-1 · Zonate"
    assert page.locator("#case").input_value() == "0"
    assert page.locator("#doubt").is_visible()
    np.testing.assert_array_equal(viewer.pixels("t2w")[:300], before[:300])  # the message lies below
    viewer.press("Shift+1")
    viewer.click("t2w", (200, 200))
    viewer.press("Control+s")
    viewer.wait_for_message("Saved")
    assert (viewer.folder / "zones.edited.nii.gz").exists()
    viewer.complaints.clear()  # the browser logs the answer's status


def test_a_label_volume_that_lies_otherwise_is_not_opened(viewer: Viewer) -> None:
    page, labels = viewer.page, read_volume(viewer.folder / "zones.nii.gz")
    viewer.press("b")
    viewer.click("t2w", (200, 200))
    viewer.press("Control+s")
    viewer.wait_for_message("Saved")
    turned = acquired_grid(flipped=(False, True, True))
    write_volume(viewer.folder / "zones.edited.nii.gz", Volume(labels.values, turned))
    page.locator("#reading").select_option(label="as predicted")
    expect(page.locator("#message")).to_be_empty()
    page.locator("#reading").select_option(label="zones.edited.nii.gz")
    viewer.wait_for_message("zones.edited.nii.gz does not lie as the T2W does")
    assert page.locator("#reading").input_value() == "zones.nii.gz"


def test_an_uncertainty_map_that_comes_late_is_not_drawn_on_another_case(browser: Browser, tmp_path: Path) -> None:
    first, second = (write_result(tmp_path / name, adc=False) for name in ("case-1", "case-2"))
    entropy = read_volume(second / "entropy.nii.gz")
    write_volume(second / "entropy.nii.gz", entropy.with_values(np.zeros_like(entropy.values)))
    for viewer in open_viewer(browser, first, second):
        page = viewer.page
        page.evaluate(HOLD_BACK, "/cases/0/volumes/entropy")
        viewer.press("u")
        page.wait_for_function("() => window.letThrough")
        page.locator("#case").select_option(label="case-2")
        expect(page).to_have_title("case-2 · Zonate")
        page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
        plain = viewer.pixels("t2w")
        page.evaluate("() => window.letThrough()")
        page.wait_for_timeout(1000)
        np.testing.assert_array_equal(viewer.pixels("t2w"), plain)
        viewer.press("u")  # nothing is uncertain in case 2
        page.wait_for_timeout(1000)
        np.testing.assert_array_equal(viewer.pixels("t2w"), plain)


FAIL_AT_SECOND_MAP = """() => {
  const { addVolume } = niivue.Niivue.prototype
  window.drawnIn = new Set()
  let calls = 0
  niivue.Niivue.prototype.addVolume = function (image) {
    calls++
    if (calls === 2) throw new Error('the graphics card gave up')
    window.drawnIn.add(this)
    return addVolume.call(this, image)
  }
}"""


def test_an_uncertainty_map_that_failed_halfway_is_drawn_once_in_every_pane(viewer: Viewer) -> None:
    page = viewer.page
    page.evaluate(FAIL_AT_SECOND_MAP)
    viewer.press("u")
    viewer.wait_for_message("the graphics card gave up")
    assert page.evaluate("() => Array.from(window.drawnIn, (nv) => nv.volumes.length)") == [2]
    viewer.press("u", "u")
    page.wait_for_function("() => window.drawnIn.size === 2")
    assert page.evaluate("() => Array.from(window.drawnIn, (nv) => nv.volumes.length)") == [2, 2]


def test_the_change_shown_is_that_from_the_prediction(viewer: Viewer) -> None:
    page, predicted = viewer.page, read_volume(viewer.folder / "zones.nii.gz")
    values = np.where(predicted.values == LabelCode.AFS, 0, predicted.values).astype(np.uint8)
    write_volume(viewer.folder / "zones.edited.nii.gz", predicted.with_values(values))
    page.reload()
    page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
    assert page.locator("#reading").input_value() == "zones.edited.nii.gz"
    afs, gland = page.locator("#zone-4-volume"), page.locator("#gland-volume")
    assert afs.inner_text().split() == ["0.0", "−0.43"]  # 6 × 2 × 12 voxels of 0.003 ml
    assert gland.inner_text().split() == ["11.7", "−0.43"]
    page.locator("#reading").select_option(label="as predicted")
    expect(afs).to_have_text("0.4")


def test_a_correction_of_another_result_is_refused_and_can_be_downloaded(viewer: Viewer, tmp_path: Path) -> None:
    page = viewer.page
    predicted = viewer.saved_labels("zones.nii.gz")
    viewer.go_to_slice(SPOT_SLICE)
    spot = viewer.spot()
    viewer.press("Shift+4")
    viewer.set_diameter(3)
    viewer.click("t2w", spot)
    assert not page.locator("#download").is_visible()
    shutil.rmtree(viewer.folder)
    write_result(viewer.folder, acquired_grid(flipped=(False, True, True)))
    viewer.press("Control+s")
    viewer.wait_for_message("case-1 was not saved: the result was made anew since this page was opened")
    assert not (viewer.folder / "zones.edited.nii.gz").exists()
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "case-1.zones.edited.nii.gz"
    download.value.save_as(tmp_path / "saved.nii.gz")
    saved = read_volume(tmp_path / "saved.nii.gz")
    assert saved.values.dtype == np.uint8
    assert saved.grid.same_as(acquired_grid(), tolerance_mm=1e-3)
    expected = predicted.copy()
    expected[SPOT] = LabelCode.AFS
    np.testing.assert_array_equal(to_canonical(saved).values, expected)
    note = gzip.decompress((tmp_path / "saved.nii.gz").read_bytes())[148:228].rstrip(b"\0")
    assert note == b"Corrected by a person; was DOUBTFUL: the gland is torn"
    assert page.locator("body").get_attribute("data-unsaved") == "yes"
    viewer.complaints.clear()  # the browser logs the answer's status


def test_a_correction_outlives_its_server(viewer: Viewer) -> None:
    """The viewer is started again on the same port: its new address in the old page lets the page save."""
    page = viewer.page
    viewer.press("b")
    viewer.click("t2w", (200, 200))
    page.route("**/labels", lambda route: route.abort())
    viewer.press("Control+s")
    viewer.wait_for_message("case-1 was not saved: `zonate view` does not answer")
    viewer.wait_for_message(f"start it again on the same folder with `--port {viewer.server.port}`")
    page.unroute("**/labels")

    viewer.server.token = "another"  # noqa: S105  as a server that was started anew has
    viewer.press("Control+s")
    viewer.wait_for_message("case-1 was not saved: the token is missing or not this server's")
    page.goto(viewer.server.private_address)
    viewer.wait_for_message("Connected again")
    assert "#" not in page.url
    assert page.locator("#download").is_visible()
    viewer.press("Control+s")
    viewer.wait_for_message("Saved zones.edited.nii.gz")
    assert not page.locator("#download").is_visible()
    viewer.complaints.clear()  # the browser logs the answer's status


def test_of_two_pages_the_later_one_is_told_of_the_others_correction(viewer: Viewer) -> None:
    with viewer.page.context.new_page() as other:
        other.goto(viewer.server.private_address)
        other.wait_for_selector("body[data-ready=yes]", timeout=60_000)
        other.keyboard.press("b")
        other.locator(".pane-t2w canvas").click(position={"x": 260, "y": 260})
        other.keyboard.press("Control+s")
        expect(other.locator("#message")).to_contain_text("Saved zones.edited.nii.gz")
    viewer.page.bring_to_front()
    viewer.press("b")
    viewer.click("t2w", (200, 200))
    viewer.press("Control+s")
    viewer.wait_for_message("Saved zones.edited-2.nii.gz of case-1")
    viewer.wait_for_message("and this one does not contain it: zones.edited.nii.gz.")
    assert viewer.page.locator("#message").get_attribute("data-kind") == "warning"
    options = viewer.page.locator("#reading option").all_inner_texts()
    assert options == ["as predicted", "zones.edited.nii.gz", "zones.edited-2.nii.gz"]


def test_a_failed_save_keeps_the_correction(viewer: Viewer) -> None:
    viewer.press("b")
    viewer.click("t2w", (200, 200))
    (viewer.folder / "t2w.nii.gz").unlink()
    viewer.press("Control+s")
    message = viewer.page.locator("#message")
    expect(message).to_contain_text("case-1 was not saved: case case-1: there is no t2w.nii.gz")
    assert viewer.page.locator("#save").is_enabled()
    viewer.complaints.clear()  # the browser logs the answer's status


def test_nothing_else_is_opened_while_a_correction_is_saved(viewer_of_two: Viewer) -> None:
    viewer, page = viewer_of_two, viewer_of_two.page
    shutil.copy(viewer.folder / "zones.nii.gz", viewer.folder / "zones.edited.nii.gz")
    page.reload()
    page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
    saves: list[Route] = []

    def hold(route: Route) -> None:
        saves.append(route)

    page.route("**/labels", hold)
    viewer.press("b")
    viewer.click("t2w", (200, 200))
    assert page.locator("#case").is_enabled()
    assert page.locator("#reading").is_enabled()
    viewer.press("Control+s")
    assert page.locator("#case").is_disabled()
    assert page.locator("#reading").is_disabled()
    viewer.click("t2w", (260, 260))
    assert page.locator("#reading").is_disabled()
    page.on("dialog", lambda dialog: dialog.accept())
    choose_at_once(page, "1")
    choose_at_once(page, "zones.nii.gz", "reading")
    assert page.locator("body").get_attribute("data-ready") == "yes"  # nothing is loaded
    assert page.locator("#case").input_value() == "0"
    assert page.locator("#reading").input_value() == "zones.edited.nii.gz"
    saves[0].continue_()
    viewer.wait_for_message("Saved zones.edited-2.nii.gz of case-1")
    assert page.title() == "case-1 · Zonate"
    assert page.locator("#case").is_enabled()
    assert page.locator("#reading").is_enabled()


def test_what_could_not_be_saved_is_kept_until_it_is_downloaded(viewer_of_two: Viewer, tmp_path: Path) -> None:
    """Also while another case is open, and saved."""
    viewer, page = viewer_of_two, viewer_of_two.page
    asked: list[str] = []
    answers = [False, True, False]

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message or dialog.type)
        if answers.pop(0):
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", answer)
    page.route("**/cases/0/labels", lambda route: route.fulfill(status=500, json={"error": "the disk is full"}))
    viewer.press("Shift+1")
    viewer.click("t2w", (200, 200))
    viewer.press("Control+s")
    viewer.wait_for_message("case-1 was not saved: the disk is full")
    viewer.press("z")  # the page shows the prediction again
    page.locator("#case").select_option(label="case-2")
    assert asked == ["The correction is not saved. Leave it?"]
    assert page.locator("#case").input_value() == "0"
    viewer.press("y")
    page.locator("#case").select_option(label="case-2")
    expect(page).to_have_title("case-2 · Zonate")
    page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
    expect(page.locator("#download")).to_have_text("Download case-1")
    viewer.press("Shift+1")
    viewer.click("t2w", (260, 260))
    viewer.press("Control+s")
    viewer.wait_for_message("Saved zones.edited.nii.gz of case-2")
    assert page.locator("body").get_attribute("data-unsaved") == "no"

    page.close(run_before_unload=True)
    for _ in range(50):
        if len(asked) == 3:
            break
        page.wait_for_timeout(100)
    assert asked[2] == "beforeunload"
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "case-1.zones.edited.nii.gz"
    download.value.save_as(tmp_path / "kept.nii.gz")
    kept = read_volume(tmp_path / "kept.nii.gz").values
    assert int((kept == LabelCode.PZ).sum()) > int((viewer.saved_labels("zones.nii.gz") == LabelCode.PZ).sum())
    expect(page.locator("#download")).to_be_hidden()
    viewer.complaints.clear()  # the browser logs the answer's status


def test_what_is_painted_during_a_save_is_not_taken_for_saved(viewer: Viewer) -> None:
    """The server takes its time; meanwhile another stroke, and another impatient Ctrl+S."""
    page = viewer.page

    def late(route: Route) -> None:
        time.sleep(1.0)
        route.continue_()

    page.route("**/labels", late)
    viewer.press("b")
    viewer.click("t2w", (200, 200))
    viewer.press("Control+s", "Control+s")
    viewer.click("t2w", (260, 260))
    viewer.wait_for_message("Saved zones.edited.nii.gz")
    assert page.locator("body").get_attribute("data-unsaved") == "yes"
    assert page.locator("#save").is_enabled()
    assert sorted(file.name for file in viewer.folder.glob("zones.edited*.nii.gz")) == ["zones.edited.nii.gz"]
    viewer.press("Control+s")
    viewer.wait_for_message("Saved zones.edited-2.nii.gz")
    assert page.locator("body").get_attribute("data-unsaved") == "no"
    first, second = (read_volume(viewer.folder / f"zones.edited{n}.nii.gz").values for n in ("", "-2"))
    assert (first != second).any()


def test_the_browsers_address_opens_no_second_browser(viewer: Viewer, browser: Browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(viewer.server.address_to_open)
        expect(page.locator("#message")).to_contain_text("used already")
        assert page.locator(".pane-t2w").count() == 0
    viewer.page.reload()
    viewer.page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
