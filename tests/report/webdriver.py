"""A real browser for tests: the few commands of the WebDriver protocol (https://www.w3.org/TR/webdriver2/) they need.

ChromeDriver speaks JSON over HTTP on this machine, so the standard library is enough.  Chromium and ChromeDriver are
found on the PATH (Debian: ``chromium chromium-driver``; Ubuntu's runners have ``google-chrome`` and ``chromedriver``).
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)
TAB, ESCAPE, ENTER, SPACE, LEFT, UP, RIGHT, DOWN = "\ue004\ue00c\ue007\ue00d\ue012\ue013\ue014\ue015"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def missing() -> str:
    """Why no browser can be driven on this machine; empty when one can."""
    if not any(shutil.which(name) for name in BROWSERS):
        return f"no browser on the PATH (one of {', '.join(BROWSERS)})"
    if not shutil.which("chromedriver"):
        return "no chromedriver on the PATH (Debian: apt-get install chromium-driver)"
    return ""


class Browser:
    """A headless browser in a profile of its own; close it, or use it in a ``with`` block."""

    def __init__(self, width: int = 1280, height: int = 900) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        self._driver = subprocess.Popen(
            [shutil.which("chromedriver") or "chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True
        )
        self._session = ""
        try:
            self._address = f"http://127.0.0.1:{self._port()}"
            binary = next(path for name in BROWSERS if (path := shutil.which(name)))
            options = {"binary": binary, "args": [*FLAGS, f"--user-data-dir={self._profile.name}"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
            made = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self._session = f"/session/{made['sessionId']}"
            self.resize(width, height)
            self.open("about:blank")
            self.log("performance")  # of the page that a new window shows
        except BaseException:
            self.close()
            raise

    def _port(self) -> str:
        assert self._driver.stdout is not None
        for line in self._driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                return found[1]
        raise RuntimeError(f"chromedriver did not start (exit code {self._driver.wait()})")

    def _send(self, verb: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._address + self._session + path, data, {"Content-Type": "application/json"}, method=verb
        )
        # No proxy: the driver is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            told = json.load(error)["value"]
            raise RuntimeError(f"{told['error']}: {told['message']}") from None

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        try:
            if self._session:
                self._send("DELETE", "")
        finally:
            self._driver.terminate()
            self._driver.wait(timeout=20)
            if self._driver.stdout is not None:
                self._driver.stdout.close()
            self._profile.cleanup()

    # -- what a reader does

    def open(self, page: Path | str) -> None:
        self._send("POST", "/url", {"url": page.resolve().as_uri() if isinstance(page, Path) else page})

    def find(self, selector: str) -> str:
        """The first element of a CSS selector; RuntimeError when there is none."""
        found: str = self._send("POST", "/element", {"using": "css selector", "value": selector})[_ELEMENT]
        return found

    def click(self, selector: str) -> None:
        """A real click at the middle of the element, scrolled into view; fails where something lies over it."""
        self._send("POST", f"/element/{self.find(selector)}/click", {})

    def choose(self, selector: str, value: str) -> None:
        """Pick an option of a ``<select>`` by its value."""
        self.click(f"{selector} option[value={json.dumps(value)}]")

    def type(self, selector: str, text: str) -> None:
        self._send("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def press(self, *keys: str) -> None:
        """Keys on whatever has the focus, one after the other."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._send("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def hover(self, selector: str) -> None:
        move = {"type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": {_ELEMENT: self.find(selector)}}
        self._send("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [move]}]})

    # -- what can be asked

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a function's body in the page."""
        return self._send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def texts(self, selector: str) -> list[str]:
        return list(self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector))

    def until(self, script: str, *arguments: Any, seconds: float = 10) -> Any:
        """The value of ``script`` as soon as it is true; AssertionError when it does not become so."""
        end = time.monotonic() + seconds
        while not (value := self.run(script, *arguments)):
            assert time.monotonic() < end, f"still not so after {seconds} s: {script} {arguments}"
            time.sleep(0.02)
        return value

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What was logged since the last call: ``browser`` (console) or ``performance`` (network)."""
        return list(self._send("POST", "/se/log", {"type": kind}))

    def requests(self) -> list[str]:
        """Addresses that were asked for since the last call; ``data:`` is none, it holds its content."""
        events = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [address for address in sent if not address.startswith("data:")]

    # -- what it looks like

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self._send("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        """The size of the view itself, without a window's frame."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )

    def prefer(self, **features: str) -> None:
        """Media features, as ``prefers_color_scheme="dark"``."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.devtools("Emulation.setEmulatedMedia", features=named)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """The view, or the whole page, as a PNG."""
        image = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(image["data"]))

    def pdf(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.devtools("Page.printToPDF", printBackground=False)["data"]))
