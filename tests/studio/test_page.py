"""The page in a real browser, with a camera that is fed by a film."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow
playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("there is no chromium", allow_module_level=True)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Studio:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}/"
        self.process = None

    def start(self):
        words = ["-m", "affectome", "studio", "--no-browser", "--port", str(self.port)]
        source = str(Path(__file__).parents[2] / "src")
        self.process = subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": source},
            stderr=subprocess.DEVNULL,
        )
        for _ in range(300):
            try:
                urllib.request.urlopen(self.address + "health", timeout=1).close()
                return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError("it does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def studio(tmp_path):
    made = Studio(tmp_path).start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """A face that comes nearer, goes for a second, and comes back."""
    av = pytest.importorskip("av")
    skimage = pytest.importorskip("skimage")
    face = Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB")
    file = tmp_path_factory.mktemp("film") / "camera.mjpeg"
    with av.open(str(file), "w", format="mjpeg") as out:
        stream = out.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        for k in range(180):
            wide = 320 + 40 * np.sin(k / 30)
            box = (224 - wide / 2, 20, 224 + wide / 2, 20 + 0.75 * wide)
            image = face.resize((640, 480), box=box) if k < 150 else Image.new("RGB", (640, 480))
            out.mux(stream.encode(av.VideoFrame.from_image(image)))
        out.mux(stream.encode(None))
    return file


@pytest.fixture
def browser(film):
    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    flags.append(f"--use-file-for-fake-video-capture={film}")
    with playwright.sync_playwright() as play:
        made = play.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield made
        made.close()


def opened(browser, studio, room, wrong):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("console", lambda m: wrong.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: wrong.append(r.url) if not _is_own(r.url, studio) else None)
    page.goto(f"{studio.address}#{room}")
    return page


def _is_own(url, studio):
    return url.startswith((studio.address, "blob:", "data:"))


def begin(page):
    page.fill("#live-person", "ada")
    page.uncheck("#live-voice")
    page.check("#agree")
    page.click("#begin")


def test_what_is_written_and_dropped_is_read_and_runs_nothing(studio, browser):
    wrong = []
    page = opened(browser, studio, "read", wrong)
    script = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    page.fill("#text", f"I love it {script}")
    name = "<img src=x onerror=document.title='run'>.txt"
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": b"I hate it"})
    assert name in page.inner_text("#files")
    page.click("#read-form button.main")
    page.wait_for_selector(".reading >> nth=1", timeout=60_000)
    assert name in page.inner_text("#readings")
    assert page.locator("#readings img, #readings script").count() == 0
    assert page.title() == "Read · Affectome studio"
    page.fill("#text", "😭")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".abstains")
    assert "It holds pictographs and no words." in page.inner_text("#readings")
    assert not wrong


def test_rooms_are_reached_by_keyboard_and_a_report_is_shown(studio, browser):
    run = studio.folder / "run"
    run.mkdir()
    (run / "result.json").write_text("{}")
    script = "<script>parent.document.title='run'</script>"
    (run / "report.html").write_text(f"<title>A run</title><p>What came out</p>{script}")
    wrong = []
    page = opened(browser, studio, "read", wrong)
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#run iframe")
    report = page.frame_locator("#run iframe")
    assert report.locator("p").inner_text() == "What came out"
    assert page.title() == "Runs · Affectome studio"
    assert all("sandbox" in one for one in wrong)  # the report's script was stopped
    page.goto(f"{studio.address}#models")
    page.wait_for_selector("#models article >> nth=3")


def test_without_consent_the_camera_stays_off(studio, browser):
    wrong = []
    page = opened(browser, studio, "live", wrong)
    page.fill("#live-person", "ada")
    page.wait_for_selector("#notice li")
    assert page.is_disabled("#begin")
    page.check("#agree")
    page.select_option("#live-purpose", "medical")
    assert page.is_disabled("#begin")  # what was agreed to has changed
    assert page.is_hidden("#stage")
    assert not (studio.folder / ".affectome").exists()
    assert not wrong


def test_why_it_stopped_is_said_and_an_unplugged_camera_stops_it(studio, browser):
    page = opened(browser, studio, "live", [])
    media = "navigator.mediaDevices"
    page.evaluate(f"""() => {{
        const ask = {media}.getUserMedia.bind({media});
        {media}.getUserMedia = async (wanted) => (window.media = await ask(wanted));
    }}""")
    page.fill("#live-until", "2001-01-01")
    page.dispatch_event("#live-until", "change")
    begin(page)
    page.wait_for_selector("#ask-error:has-text('has already passed')")
    page.wait_for_timeout(300)  # the notice comes anew
    assert page.is_visible("#ask-error")
    page.fill("#live-until", "2999-01-01")
    begin(page)
    page.wait_for_selector("#now .bars", timeout=60_000)
    page.evaluate("window.media.getTracks()[0].dispatchEvent(new Event('ended'))")
    page.wait_for_selector("#running:has-text('the camera was switched off or unplugged')")


def test_a_dropped_selection_is_read(studio, browser):
    page = opened(browser, studio, "read", [])
    page.evaluate("""() => {
        const dataTransfer = new DataTransfer();
        dataTransfer.setData("text/plain", "I love it");
        window.dispatchEvent(new DragEvent("drop", { dataTransfer }));
    }""")
    page.wait_for_selector(".reading:has-text('love')", timeout=60_000)


def test_live_readings_survive_a_restart_in_two_tabs(studio, browser):
    wrong = []
    pages = [opened(browser, studio, "live", wrong) for _ in range(2)]
    for page in pages:
        begin(page)
    for page in pages:
        page.wait_for_selector("#now .bars", timeout=60_000)
        assert "happiness" in page.inner_text("#now")
        assert "for research" in page.inner_text("#running")
    assert not wrong
    studio.stop()
    pages[0].wait_for_selector("#running:has-text('trying again')", timeout=60_000)
    studio.start()
    pages[0].wait_for_selector("#running:has-text('Reading the face of ada')", timeout=60_000)
    before = pages[0].inner_text("#speed")
    for _ in range(300):
        if pages[0].inner_text("#speed") != before:
            break
        pages[0].wait_for_timeout(100)
    assert pages[0].inner_text("#speed") != before
    pages[0].click("#mark")
    pages[0].click("#stop")
    pages[0].focus("#ribbon")
    pages[0].keyboard.press("ArrowLeft")
    assert ":" in pages[0].inner_text("#at")
    with pages[0].expect_download() as download:
        pages[0].click("#csv")
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0].startswith("seconds,modality,labels,abstains,because,mark,emotion.anger")
    assert any(",mark," in line for line in lines)
    assert any("happiness" in line for line in lines)


def test_a_recording_is_looked_back_along_and_destroyed(studio, browser):
    page = opened(browser, studio, "live", [])
    page.check("#record")
    page.fill("#passphrase", "correct horse")
    begin(page)
    page.wait_for_selector("#running:has-text('It is recorded until')", timeout=60_000)
    page.wait_for_selector("#now .bars", timeout=60_000)
    page.click("#stop")
    page.click("#stop")
    page.wait_for_selector("#recordings li")
    assert not page.is_checked("#record")
    page.fill("#recordings input", "wrong horse")
    page.click("#recordings button >> nth=0")
    page.wait_for_selector("#ask-error:has-text('the passphrase is another')")
    page.fill("#recordings input", "correct horse")
    page.click("#recordings button >> nth=0")
    page.wait_for_selector("#picture-words:has-text('Perceived expression: happiness')")
    assert "A recording of ada" in page.inner_text("#running")
    page.click("#stop")
    page.click("#recordings button >> nth=1")
    page.wait_for_selector("#kept", state="hidden")
    assert not list((studio.folder / ".affectome" / "recordings").iterdir())
