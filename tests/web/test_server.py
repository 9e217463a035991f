"""Patient data leave the server for the holder of its token only, and nothing is written but new corrections."""

import gzip
import http.client
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.web.results import acquired_grid, write_result
from zonate.errors import OutputError
from zonate.geometry import Volume
from zonate.io.nifti import read_volume
from zonate.verbs.view import save_correction
from zonate.web.cases import read_case
from zonate.web.server import Saved, ViewerServer

N_VOXELS = 8 * 40 * 48


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_result(tmp_path / "out" / "case-1")


@pytest.fixture
def server(folder: Path) -> Iterator[ViewerServer]:
    with ViewerServer({"case-1": folder}, save_correction) as running:
        yield running


def ask(
    server: ViewerServer, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> tuple[int, Any, http.client.HTTPMessage]:
    """Status, JSON (or bytes) and headers of an answer; a `Host` among the headers replaces the right one."""
    sent = dict(headers or {})
    if body is not None:
        sent.setdefault("Content-Length", str(len(body)))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host="Host" in sent)
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(content) if is_json else content, answer.headers
    finally:
        connection.close()


def with_token(server: ViewerServer) -> dict[str, str]:
    return {"X-Zonate-Token": server.token}


def own_page(server: ViewerServer, newest: str = "zones.nii.gz") -> dict[str, str]:
    """Of the page that shows the case as it is now, opened when `newest` was its newest reading."""
    return {
        **with_token(server),
        "Origin": server.address.rstrip("/"),
        "X-Zonate-Result": read_case(server.cases["case-1"]).result,
        "X-Zonate-Began-From": newest,
        "X-Zonate-Newest": newest,
    }


def test_the_page_is_served_with_a_policy_that_keeps_it_to_itself(server: ViewerServer) -> None:
    status, page, headers = ask(server, "GET", "/")
    assert status == 200
    assert b"Research use only. Not for diagnosis." in page
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Access-Control-Allow-Origin"] is None


def test_only_this_machine_is_listened_to(server: ViewerServer) -> None:
    assert server._http.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "path", ["/api/cases", "/api/cases/0", "/api/cases/0/volumes/t2w", "/api/cases/0/readings/zones.nii.gz", "/api/x"]
)
def test_data_ask_for_the_token(server: ViewerServer, path: str) -> None:
    for headers in ({}, {"X-Zonate-Token": "wrong"}, {"X-Zonate-Token": ""}):
        status, answer, _ = ask(server, "GET", path, headers)
        assert (status, answer) == (403, {"error": "the token is missing or not this server's"})
    status, _, _ = ask(server, "GET", f"{path}?token={server.token}")
    assert status == 403


def test_with_the_token_the_case_is_served(server: ViewerServer, folder: Path) -> None:
    assert ask(server, "GET", "/api/cases", with_token(server))[1] == {"cases": ["case-1"]}
    assert ask(server, "GET", "/api/cases/0", with_token(server))[1]["case_id"] == "case-1"
    status, t2w, headers = ask(server, "GET", "/api/cases/0/volumes/t2w", with_token(server))
    assert (status, headers["Content-Type"]) == (200, "application/gzip")
    assert t2w == (folder / "t2w.nii.gz").read_bytes()


def test_the_code_in_the_browsers_address_works_once(server: ViewerServer) -> None:
    code = server.address_to_open.partition("#code=")[2].encode()
    origin = {"Origin": server.address.rstrip("/")}
    assert ask(server, "POST", "/api/session", origin, b"wrong")[0] == 403
    assert ask(server, "POST", "/api/session", origin, code)[1] == {"token": server.token}
    status, answer, _ = ask(server, "POST", "/api/session", origin, code)
    assert status == 403
    assert "used already" in answer["error"]
    assert server.token not in server.address_to_open


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", ""])
def test_a_foreign_name_for_this_machine_is_refused(server: ViewerServer, host: str) -> None:
    status, answer, _ = ask(server, "GET", "/api/cases", {"Host": host, **with_token(server)})
    assert (status, answer) == (421, {"error": "this server answers on 127.0.0.1 only"})
    assert ask(server, "GET", "/", {"Host": host})[0] == 421


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1"])
def test_only_the_page_itself_may_write(server: ViewerServer, folder: Path, origin: str | None) -> None:
    headers = with_token(server) | ({} if origin is None else {"Origin": origin})
    status, _, _ = ask(server, "POST", "/api/cases/0/labels", headers, bytes(N_VOXELS))
    assert status == 403
    assert not (folder / "zones.edited.nii.gz").exists()


def test_writing_asks_for_the_token_too(server: ViewerServer, folder: Path) -> None:
    headers = own_page(server) | {"X-Zonate-Token": "wrong"}
    assert ask(server, "POST", "/api/cases/0/labels", headers, bytes(N_VOXELS))[0] == 403
    assert not (folder / "zones.edited.nii.gz").exists()


@pytest.mark.parametrize(
    "path",
    [
        "/api/cases/0/volumes/../zones.json",
        "/api/cases/0/volumes/zones",
        "/api/cases/0/volumes/..%2f..%2fsecret",
        "/api/cases/0/volumes/",
        "/api/cases/0/readings/zones.json",
        "/api/cases/0/readings/../../secret.nii.gz",
        "/api/cases/1",
        "/api/cases/-1",
        "/api/cases/²",
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/",
        "/static/vendor",
        "/index.html",
        "//etc/passwd",
        "/api",
    ],
)
def test_nothing_else_is_served(server: ViewerServer, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.nii.gz").write_text("secret")
    status, answer, _ = ask(server, "GET", path.replace("²", "%C2%B2"), with_token(server))
    assert status == 404
    assert answer["error"].startswith("there is no such")


def test_other_methods_are_not_known(server: ViewerServer) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "HEAD"):
        assert ask(server, method, "/api/cases/0/labels", own_page(server), b"")[0] == 501


def test_a_correction_is_saved_beside_what_there_was_and_never_over_it(server: ViewerServer, folder: Path) -> None:
    before = (folder / "zones.nii.gz").read_bytes()
    labels = read_volume(folder / "zones.nii.gz")
    edited = labels.values.copy()
    edited[3, 20, 5] = 4
    names = ["zones.nii.gz"]
    for values in (edited, labels.values):
        status, answer, _ = ask(server, "POST", "/api/cases/0/labels", own_page(server, names[-1]), values.tobytes())
        assert status == 200
        assert answer["warnings"] == []
        names += answer["files"]
    assert names == ["zones.nii.gz", "zones.edited.nii.gz", "zones.edited-2.nii.gz"]
    assert answer["readings"] == names
    first = read_volume(folder / "zones.edited.nii.gz")
    assert first.values.dtype == np.uint8
    assert first.grid.same_as(labels.grid)
    assert np.argwhere(first.values != labels.values).tolist() == [[3, 20, 5]]
    assert (folder / "zones.nii.gz").read_bytes() == before


def remake(folder: Path) -> None:
    """As `predict --overwrite` leaves it: the same matrix, turned about."""
    shutil.rmtree(folder)
    write_result(folder, acquired_grid(flipped=(False, True, True)))


def test_what_was_drawn_on_another_result_is_refused(server: ViewerServer, folder: Path) -> None:
    opened = own_page(server)
    remake(folder)
    status, answer, _ = ask(server, "POST", "/api/cases/0/labels", opened, bytes(N_VOXELS))
    assert (status, answer["error"]) == (
        409,
        "the result was made anew since this page was opened, and what was drawn on the old one is not for the new "
        "one: reload the page",
    )
    assert not list(folder.glob("zones.edited*"))
    assert ask(server, "POST", "/api/cases/0/labels", own_page(server), bytes(N_VOXELS))[0] == 200


@pytest.mark.parametrize("path", ["volumes/t2w", "readings/zones.nii.gz"])
def test_a_page_of_another_result_gets_no_part_of_this_one(server: ViewerServer, folder: Path, path: str) -> None:
    opened = own_page(server)
    assert ask(server, "GET", f"/api/cases/0/{path}", opened)[0] == 200
    remake(folder)
    assert ask(server, "GET", f"/api/cases/0/{path}", opened)[0] == 409


@pytest.mark.parametrize("missing", ["X-Zonate-Result", "X-Zonate-Began-From", "X-Zonate-Newest"])
def test_a_page_that_does_not_say_what_it_shows_is_refused(server: ViewerServer, folder: Path, missing: str) -> None:
    headers = {name: value for name, value in own_page(server).items() if name != missing}
    status, answer, _ = ask(server, "POST", "/api/cases/0/labels", headers, bytes(N_VOXELS))
    assert (status, answer["error"]) == (400, f"the page does not say {missing}: reload it")
    assert not (folder / "zones.edited.nii.gz").exists()


def test_names_that_are_no_readings_are_refused(server: ViewerServer, folder: Path) -> None:
    for header in ("X-Zonate-Began-From", "X-Zonate-Newest"):
        headers = own_page(server) | {header: "../zones.nii.gz"}
        assert ask(server, "POST", "/api/cases/0/labels", headers, bytes(N_VOXELS))[0] == 422
    assert not (folder / "zones.edited.nii.gz").exists()


def test_a_correction_that_lacks_another_one_is_saved_and_says_so(server: ViewerServer) -> None:
    """Two pages began from the prediction; the second one is told of the first one's, once."""

    def save(began_from: str, newest: str) -> dict[str, Any]:
        headers = own_page(server, newest) | {"X-Zonate-Began-From": began_from}
        status, answer, _ = ask(server, "POST", "/api/cases/0/labels", headers, bytes(N_VOXELS))
        assert status == 200
        return dict(answer)

    assert save("zones.nii.gz", "zones.nii.gz")["warnings"] == []
    second = save("zones.nii.gz", "zones.nii.gz")
    assert second["files"] == ["zones.edited-2.nii.gz"]
    assert second["warnings"] == [
        "Another correction was saved since you began, and this one does not contain it: zones.edited.nii.gz"
    ]
    assert save("zones.edited-2.nii.gz", "zones.edited-2.nii.gz")["warnings"] == []
    assert save("zones.nii.gz", "zones.edited-3.nii.gz")["warnings"] == []  # from the prediction, on purpose
    assert save("zones.edited.nii.gz", "zones.edited-2.nii.gz")["warnings"] == [
        "Other corrections were saved since you began, and this one does not contain them: "
        "zones.edited-3.nii.gz and zones.edited-4.nii.gz"
    ]


def test_a_correction_keeps_the_name_of_the_one_that_it_began_from(server: ViewerServer, folder: Path) -> None:
    (folder / "zones.edited.nii.gz").write_bytes((folder / "zones.nii.gz").read_bytes())
    headers = own_page(server, "zones.edited.nii.gz")
    assert ask(server, "POST", "/api/cases/0/labels", headers, bytes(N_VOXELS))[0] == 200
    header = gzip.decompress((folder / "zones.edited-2.nii.gz").read_bytes())[148:228]
    assert header.rstrip(b"\0") == b"Corrected by a person from zones.edited; was DOUBTFUL: the gland is torn"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (bytes(12), 422, "12 voxels came, the T2W grid has 15360"),
        (bytes([77]) + bytes(N_VOXELS - 1), 422, r"hold the codes [77]"),
        (b"", 422, "0 voxels came"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    server: ViewerServer, folder: Path, body: bytes, status: int, reason: str
) -> None:
    found, answer, _ = ask(server, "POST", "/api/cases/0/labels", own_page(server), body)
    assert found == status
    assert reason in answer["error"]
    assert not (folder / "zones.edited.nii.gz").exists()


@pytest.mark.parametrize(("length", "status"), [("x", 411), ("-1", 411), (str(1 << 40), 413)])
def test_a_length_that_cannot_be_right_is_refused(server: ViewerServer, length: str, status: int) -> None:
    headers = own_page(server) | {"Content-Length": length}
    assert ask(server, "POST", "/api/cases/0/labels", headers)[0] == status


def test_numbers_without_end_are_refused(server: ViewerServer) -> None:
    endless = "9" * 5000
    assert ask(server, "POST", "/api/cases/0/labels", own_page(server) | {"Content-Length": endless})[0] == 411
    assert ask(server, "GET", f"/api/cases/{endless}", with_token(server))[0] == 404


def test_whatever_fails_is_answered(server: ViewerServer, folder: Path) -> None:
    """Such as a result that another program wrote."""
    report = json.loads((folder / "zones.json").read_text(encoding="utf-8"))
    del report["case_id"]
    (folder / "zones.json").write_text(json.dumps(report), encoding="utf-8")
    status, answer, _ = ask(server, "GET", "/api/cases/0", with_token(server))
    assert (status, answer) == (500, {"error": "the server failed at this (KeyError)"})


def test_what_cannot_be_saved_is_said(folder: Path) -> None:
    def full(_folder: Path, _labels: Volume, **_about: str) -> Saved:
        raise OSError(28, "No space left on device", "/secret/place")

    with ViewerServer({"case-1": folder}, full) as running:
        labels = read_volume(folder / "zones.nii.gz").values.tobytes()
        status, answer, _ = ask(running, "POST", "/api/cases/0/labels", own_page(running), labels)
    assert (status, answer) == (507, {"error": "a file could not be written: No space left on device"})


def test_what_fails_after_the_labels_are_saved_makes_it_no_failure(folder: Path) -> None:
    """The page would keep the correction as unsaved, and save it a second time."""

    def save_and_vanish(of: Path, labels: Volume, *, began_from: str) -> Saved:
        saved = save_correction(of, labels, began_from=began_from)
        of.rename(of.with_name("elsewhere"))
        return saved

    with ViewerServer({"case-1": folder}, save_and_vanish) as running:
        labels = read_volume(folder / "zones.nii.gz").values.tobytes()
        status, answer, _ = ask(running, "POST", "/api/cases/0/labels", own_page(running), labels)
    assert (status, answer) == (
        200,
        {
            "files": ["zones.edited.nii.gz"],
            "warnings": [
                "The result cannot be read any more (case case-1: there is no t2w.nii.gz: an older version made this "
                "result, predict the study again): see where this correction lies"
            ],
            "readings": ["zones.nii.gz", "zones.edited.nii.gz"],
        },
    )


def test_a_result_that_is_made_anew_during_the_save_is_told(folder: Path) -> None:
    def remake_and_save(of: Path, labels: Volume, *, began_from: str) -> Saved:
        remake(of)
        return save_correction(of, labels, began_from=began_from)

    with ViewerServer({"case-1": folder}, remake_and_save) as running:
        labels = read_volume(folder / "zones.nii.gz").values.tobytes()
        status, answer, _ = ask(running, "POST", "/api/cases/0/labels", own_page(running), labels)
    assert (status, answer["files"]) == (200, ["zones.edited.nii.gz"])
    assert answer["warnings"] == [
        "The result was made anew while this was saved: this correction lies beside another result than it was drawn "
        "on; move it away, reload the page and correct the new one"
    ]
    assert (folder / "zones.edited.nii.gz").exists()


def test_a_case_that_cannot_be_shown_says_why(server: ViewerServer, folder: Path) -> None:
    (folder / "t2w.nii.gz").unlink()
    status, answer, _ = ask(server, "GET", "/api/cases/0", with_token(server))
    assert status == 422
    assert "predict the study again" in answer["error"]


def test_a_port_that_is_taken_is_named(server: ViewerServer, folder: Path) -> None:
    with pytest.raises(OutputError, match=f"port {server.port} of 127.0.0.1 cannot be used"):
        ViewerServer({"case-1": folder}, save_correction, port=server.port)
    with pytest.raises(OutputError, match="port 99999"):
        ViewerServer({"case-1": folder}, save_correction, port=99999)
