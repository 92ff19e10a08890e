"""Use the web page in a browser, and serve it with scripted responses."""

import base64
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from PIL import Image
from selenium.webdriver.common.by import By

from googly_eyes.api.request import HttpRequest
from googly_eyes.api.response import HttpResponse
from googly_eyes.server.app import create_app
from googly_eyes.server.http import HttpServer
from googly_eyes.server.page_files import load_page
from googly_eyes.server.worker_queue import WorkerQueue
from testing.browser import BrowserPage
from testing.paths import ROOT
from testing.threads import Threads

WAIT_S = 30
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """
const done = arguments[0];
axe.run().then(({violations}) => done(violations.filter(({impact}) => ["serious", "critical"].includes(impact))
    .map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html).join(" ")}`)));
"""
COUNT_FRAMES = """
window.frames_drawn ??= (() => {
    const real = requestAnimationFrame;
    window.requestAnimationFrame = (draw) => { window.frames_drawn++; return real(draw); };
    return 0;
})();
return window.frames_drawn;
"""


class WebPage(BrowserPage):
    """The actions of a user of the web page, and its visible content."""

    def __init__(self, driver, address):
        super().__init__(driver)
        self.address = address
        self.emulate()
        driver.get(address)

    def emulate(self, width=1240, height=900, *, phone=False, **features):
        """Set the size of the window, a finger in place of the mouse, and media features such as a dark scheme."""
        send = self.driver.execute_cdp_cmd
        send(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone},
        )
        send("Emulation.setTouchEmulationEnabled", {"enabled": phone})
        values = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        send("Emulation.setEmulatedMedia", {"features": values})

    def says(self, text):
        self.until(lambda: text in self.text())

    def upload(self, *files):
        self.one("#files").send_keys("\n".join(map(str, files)))

    def click(self, label):
        """Click a button as soon as it is enabled; the driver reports no click on a disabled one."""
        xpath = f"//button[.='{label}' and not(@disabled)]"
        self.until(lambda: self.driver.find_element(By.XPATH, xpath).click() is None)

    def set(self, name, value):
        """Set a control as a user does, with its events."""
        script = "const [input, value] = arguments; input.value = value; "
        script += "for (const name of ['input', 'change']) input.dispatchEvent(new Event(name, {bubbles: true}))"
        self.driver.execute_script(script, self.one(f"#{name}"), value)

    def eyes(self, index=0):
        """Return the pixels of the canvas with the eyes, as RGBA."""
        script = "return document.querySelectorAll('canvas')[arguments[0]].toDataURL()"
        url = self.driver.execute_script(script, index)
        return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA")

    def frames(self):
        """Return the number of animation frames since the first call."""
        return self.driver.execute_script(COUNT_FRAMES)

    def rests(self):
        """Return true if nothing moves."""
        before = self.frames()
        time.sleep(0.15)
        return self.frames() == before

    def serious_findings(self):
        """Return the serious and critical findings of axe-core on the current screen."""
        self.driver.execute_script(AXE.read_text())
        return self.driver.execute_async_script(RUN_AXE)


def downloaded(folder, name):
    """Return a downloaded file, and remove it."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if (folder / name).is_file():
            data = (folder / name).read_bytes()
            (folder / name).unlink()
            return data
        time.sleep(0.03)
    raise AssertionError(f"{name} is not in {folder}: {[path.name for path in folder.glob('*')]}")


def ask(address, photo, **fields):
    """Send a photo to the API as a form, and return the response."""
    accept = "application/json" if fields.get("answer") == "faces" else "image/*"
    files = {"image": ("photo", photo)}
    response = requests.post(f"{address}/googly_eyes", fields, files=files, headers={"Accept": accept}, timeout=WAIT_S)
    assert response.status_code == 200, response.text
    return response


@contextmanager
def scripted_server(respond, *, port: int = 0, max_photo: int = 20_000_000) -> Iterator[str]:
    """Serve the web page and the API in this process, and yield the address; `respond` handles each POST."""

    def handle(request: HttpRequest) -> HttpResponse:
        return respond(request) if request.method == "POST" else HttpResponse(404, {}, b"")

    stop = threading.Event()
    with socket.create_server(("127.0.0.1", port)) as listener, WorkerQueue(Threads(8), 8) as queue:
        app = create_app(handle, queue, page_files=load_page(max_photo))
        server = HttpServer(app, listener, threads=12, max_photo=max_photo)

        def serve():
            while not stop.is_set():
                server.poll()
            server.drain(5)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()
