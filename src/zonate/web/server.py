"""The server of the viewer: on this machine alone, for whoever holds its token.

What is served is patient data, so that a port on 127.0.0.1 is not enough: other users of the machine can reach it, and
so can any web page that is open in the same browser. Everything but the page's own code therefore asks for a random
token in a header, which no foreign page can set; the `Host` header must name this machine (a foreign name that
resolves to 127.0.0.1 is refused) and a request that writes must come from the page itself. The address that the
browser is started with, which other users can read in the list of processes, holds a code that works once.
"""

import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from zonate.errors import OutputError, ZonateError
from zonate.geometry import Volume
from zonate.web.cases import ViewedCase, read_case
from zonate.web.files import static_file

TOKEN_HEADER = "X-Zonate-Token"  # noqa: S105  the name of a header
RESULT_HEADER = "X-Zonate-Result"
"""Which result the page shows, as the manifest names it."""
BEGAN_HEADER = "X-Zonate-Began-From"
"""The reading that was corrected."""
NEWEST_HEADER = "X-Zonate-Newest"
"""The newest reading that the page knows."""
LARGEST_BODY = 1 << 30
_LOCALHOST = "127.0.0.1"
_DIGITS = 18
"""Of any number that a request may name."""
_DRAINED = 1 << 22
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Saved:
    """What became of a correction.

    Attributes:
        files: What was written, the label volume first.
        warnings: What could not be written besides, and why.
    """

    files: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


class Save(Protocol):
    """Keeps a correction."""

    def __call__(self, folder: Path, labels: Volume, /, *, began_from: str) -> Saved:
        """Given the case's folder, the labels (S, H, W) uint8 on the case's grid, and which reading was corrected."""


class ViewerServer:
    """Serves the page and the cases until it is closed.

    Use it as a context manager: inside, it answers from a thread of its own.

    Attributes:
        address: Such as `http://127.0.0.1:51234/`.
        token: What a request for data carries in TOKEN_HEADER.
    """

    def __init__(self, cases: Mapping[str, Path], save: Save, *, port: int = 0) -> None:
        """Bind a port of 127.0.0.1.

        Args:
            cases: From the case's name to its folder, as `find_cases` gives them.
            save: Told of each correction, one at a time.
            port: 0: any that is free.

        Raises:
            OutputError: The port is taken or not allowed.
        """
        self.token = secrets.token_urlsafe(32)
        self._code: str | None = secrets.token_urlsafe(32)
        self.cases = dict(cases)
        self._save = save
        self._lock = threading.Lock()
        try:
            self._http = _Http((_LOCALHOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError(f"port {port} of 127.0.0.1 cannot be used ({reason}): give another port") from None
        self._http.viewer = self
        self.port = int(self._http.server_address[1])
        self.address = f"http://{_LOCALHOST}:{self.port}/"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def private_address(self) -> str:
        """The address for the user's own eyes: whoever knows it sees and changes what is served."""
        return f"{self.address}#token={self.token}"

    @property
    def address_to_open(self) -> str:
        """The address to start a browser with: it works once."""
        return f"{self.address}#code={self._code}"

    def token_for(self, code: str) -> str | None:
        """The token in exchange for the code, once; None for any other code and ever after."""
        with self._lock:
            if self._code is None or not secrets.compare_digest(code.encode(), self._code.encode()):
                return None
            self._code = None
            return self.token

    def save(self, read: Callable[[], ViewedCase], labels: bytes, *, began_from: str, newest: str) -> dict[str, Any]:
        """Save a correction, one at a time, so that each is told of those before it.

        Args:
            read: Looks through the case's folder, or raises where the correction is of another result. Asked before
                and after: once the labels are on the disk, whatever fails is a warning.
            labels: As `ViewedCase.labels_from` takes them.
            began_from: The reading that was corrected.
            newest: The newest one that whoever corrected it knew.

        Returns:
            JSON values for the page: `files`, `warnings` and `readings`.
        """
        with self._lock:
            case = read()
            case.saved_since(began_from)  # refuses what is no name of a reading
            missed, known = case.saved_since(newest), case.readings()
            saved = self._save(case.folder, case.labels_from(labels), began_from=began_from)
            try:
                warnings, readings = [], read().readings()
            except Exception as error:  # noqa: BLE001  (whoever is told that nothing was saved saves it again)
                warnings, readings = [_no_longer_of_it(error)], (*known, saved.files[0].name)
            return {
                "files": [file.name for file in saved.files],
                "warnings": [*_missed(missed), *warnings, *saved.warnings],
                "readings": list(readings),
            }

    def hosts(self) -> tuple[str, str]:
        """What a `Host` header may say."""
        return f"{_LOCALHOST}:{self.port}", f"localhost:{self.port}"


def _missed(names: Sequence[str]) -> Iterator[str]:
    if len(names) == 1:
        yield f"Another correction was saved since you began, and this one does not contain it: {names[0]}"
    elif names:
        yield (
            "Other corrections were saved since you began, and this one does not contain them: "
            f"{', '.join(names[:-1])} and {names[-1]}"
        )


def _no_longer_of_it(error: Exception) -> str:
    if isinstance(error, _Refused):
        return (
            "The result was made anew while this was saved: this correction lies beside another result than it was "
            "drawn on; move it away, reload the page and correct the new one"
        )
    reason = str(error) if isinstance(error, ZonateError) else type(error).__name__
    return f"The result cannot be read any more ({reason}): see where this correction lies"


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    viewer: ViewerServer


class _Refused(Exception):  # noqa: N818  it is an answer, not an error of the program
    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    server_version = "zonate"
    sys_version = ""
    timeout = 20
    _body_was_read = False

    def do_GET(self) -> None:
        """Answer a request that reads."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Answer a request that writes."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the base class's
        """Log without a word on the terminal; a path holds numbers, not names."""
        logger.debug(format, *args)

    def _answer(self, how: Callable[[], None]) -> None:
        try:
            if self.headers.get("Host") not in self.server.viewer.hosts():
                raise _Refused(HTTPStatus.MISDIRECTED_REQUEST, "this server answers on 127.0.0.1 only")
            how()
        except _Refused as refused:
            self._drain()
            self._send_json({"error": str(refused)}, refused.status)
        except ZonateError as error:
            self._send_json({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            logger.debug("the browser went away")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            writing = self.command == "POST"
            status = HTTPStatus.INSUFFICIENT_STORAGE if writing else HTTPStatus.INTERNAL_SERVER_ERROR
            self._send_json({"error": f"a file could not be {'written' if writing else 'read'}: {reason}"}, status)
        except Exception as error:  # noqa: BLE001  (the page is to be told, whatever it is)
            self._send_json(
                {"error": f"the server failed at this ({type(error).__name__})"}, HTTPStatus.INTERNAL_SERVER_ERROR
            )

    def _get(self) -> None:
        path = self.path.split("?", 1)[0]
        if not path.startswith("/api/"):
            found = static_file("index.html" if path == "/" else path.removeprefix("/static/"))
            if found is None or not (path == "/" or path.startswith("/static/")):
                raise _Refused(HTTPStatus.NOT_FOUND, "there is no such file")
            self._send(found.content, found.content_type)
            return
        self._ask_for_token()
        match path.removeprefix("/api/").split("/"):
            case ["cases"]:
                self._send_json({"cases": list(self.server.viewer.cases)})
            case ["cases", number]:
                self._send_json(self._case(number).manifest())
            case ["cases", number, "volumes", name]:
                self._send_file(self._shown_case(number).volume_file(name))
            case ["cases", number, "readings", name]:
                viewed = self._shown_case(number)
                self._send_file(viewed.folder / name if name in viewed.readings() else None)
            case _:
                raise _Refused(HTTPStatus.NOT_FOUND, "there is no such thing")

    def _post(self) -> None:
        if self.headers.get("Origin") not in {f"http://{host}" for host in self.server.viewer.hosts()}:
            raise _Refused(HTTPStatus.FORBIDDEN, "only the viewer's own page may write")
        match self.path.removeprefix("/api/").split("/"):
            case ["session"]:
                token = self.server.viewer.token_for(self._body(1024).decode("latin-1"))
                if token is None:
                    raise _Refused(HTTPStatus.FORBIDDEN, "this address was used already: open the one in the terminal")
                self._send_json({"token": token})
            case ["cases", number, "labels"]:
                self._ask_for_token()
                body = self._body(LARGEST_BODY)
                _, began_from, newest = [self._said(name) for name in (RESULT_HEADER, BEGAN_HEADER, NEWEST_HEADER)]
                self._send_json(
                    self.server.viewer.save(
                        lambda: self._shown_case(number), body, began_from=began_from, newest=newest
                    )
                )
            case _:
                raise _Refused(HTTPStatus.NOT_FOUND, "there is no such thing")

    def _ask_for_token(self) -> None:
        given = self.headers.get(TOKEN_HEADER, "")
        if not secrets.compare_digest(given.encode(), self.server.viewer.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "the token is missing or not this server's")

    def _case(self, number: str) -> ViewedCase:
        folders = list(self.server.viewer.cases.values())
        if not (number.isascii() and number.isdigit() and len(number) <= _DIGITS and int(number) < len(folders)):
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such case")
        return read_case(folders[int(number)])

    def _shown_case(self, number: str) -> ViewedCase:
        """The case, refused where it holds another result than the page says that it shows."""
        viewed = self._case(number)
        if self.headers.get(RESULT_HEADER, viewed.result) != viewed.result:
            raise _Refused(
                HTTPStatus.CONFLICT,
                "the result was made anew since this page was opened, and what was drawn on the old one is not for the "
                "new one: reload the page",
            )
        return viewed

    def _said(self, header: str) -> str:
        said = self.headers.get(header)
        if said is None:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"the page does not say {header}: reload it")
        return said

    def _body(self, largest: int) -> bytes:
        length = self._length()
        if length is None:
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "the length of the body must be said")
        if length > largest:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{length} bytes are more than {largest}")
        body = self.rfile.read(length)
        if len(body) != length:
            raise _Refused(HTTPStatus.BAD_REQUEST, "the body was cut off")
        self._body_was_read = True
        return body

    def _length(self) -> int | None:
        said = self.headers.get("Content-Length", "")
        return int(said) if said.isascii() and said.isdigit() and len(said) <= _DIGITS else None

    def _drain(self) -> None:
        """Read a short body that nobody asked for: closing on it would lose the answer."""
        length = self._length() or 0
        if self.command == "POST" and not self._body_was_read and length <= _DRAINED:
            self.rfile.read(length)

    def _send_file(self, file: Path | None) -> None:
        if file is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such volume")
        self._send(file.read_bytes(), "application/gzip")

    def _send_json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(value, ensure_ascii=False).encode(), "application/json", status)

    def _send(self, content: bytes, content_type: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
