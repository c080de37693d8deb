"""The studio under load: live readings for a minute, and many clients at once.

A session is fed frames of a face for sixty seconds, thirty a second, as by a camera, and what comes
back is counted. Fifty clients send two hundred texts each, one after the other; their readings a
second are held against those of the bare model, which reads such texts one by one with the same
explanations, and in batches without any.
"""

import asyncio
import io
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import skimage
import uvicorn
from PIL import Image
from websockets.asyncio.client import connect

from affectome.people.words.reader import WordsReader
from bench.words import texts

PORT = 8797
ADDRESS = f"http://127.0.0.1:{PORT}"
LIVE_S, FRAMES_A_SECOND = 60.0, 30
CLIENTS, BARE = 50, 500
EACH, EXPLAINED = 200, 20
RUNS = 100


@contextmanager
def studio():
    """A studio in a process and a folder of its own; gives the process."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "affectome", "studio", "--no-browser", "--port", str(PORT)]
        source = str(Path(__file__).parents[1] / "src")
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, env={**os.environ, "PYTHONPATH": source}
        )
        try:
            while True:
                try:
                    httpx2.post(f"{ADDRESS}/read", json={"text": "hello there"}, timeout=60)
                    break
                except httpx2.TransportError:
                    time.sleep(0.1)
            print(f"first reading {time.perf_counter() - begun:.1f} s after the start")
            yield psutil.Process(process.pid), Path(folder)
        finally:
            process.terminate()
            process.wait(20)


def frame() -> bytes:
    face = Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB")
    buffer = io.BytesIO()
    face.resize((480, 360), box=(64, 20, 384, 260)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


async def live(process: psutil.Process) -> None:
    content, sent, took = frame(), {}, []
    kinds = {"result": 0, "dropped": 0, "error": 0}
    memory = []
    async with connect(f"ws://127.0.0.1:{PORT}/live", max_size=None) as socket:
        start = {"type": "start", "agreed": True, "person": "bench", "purpose": "research"}
        await socket.send(json.dumps({**start, "modalities": ["face"]}))
        await socket.recv()

        async def feed() -> None:
            begun = time.perf_counter()
            for number in range(round(LIVE_S * FRAMES_A_SECOND)):
                await asyncio.sleep(
                    max(0.0, begun + number / FRAMES_A_SECOND - time.perf_counter())
                )
                sent[number] = time.perf_counter()
                await socket.send(
                    struct.pack("<BId", 1, number, number / FRAMES_A_SECOND) + content
                )
                if number % 300 == 0:
                    memory.append(process.memory_info().rss / 2**20)

        worked = sum(process.cpu_times()[:2])
        feeding = asyncio.create_task(feed())
        n = round(LIVE_S * FRAMES_A_SECOND)
        for _ in range(n):
            reply = json.loads(await socket.recv())
            kinds[reply["type"]] += 1
            if reply["type"] == "result":
                took.append(time.perf_counter() - sent[reply["number"]])
        await feeding
    took.sort()
    p95 = took[int(0.95 * len(took))]
    worked = (sum(process.cpu_times()[:2]) - worked) / len(took)
    print(
        f"live, {LIVE_S:g} s, {n} frames of 480 × 360, each answered once: "
        f"{kinds['result'] / LIVE_S:.1f} readings/s, frame to reading median "
        f"{1000 * statistics.median(took):.0f} ms, p95 {1000 * p95:.0f} ms; "
        f"{kinds['dropped']} dropped, {kinds['error']} errors; memory "
        f"{memory[1]:.0f} MB after 10 s, {memory[-1]:.0f} MB at the end; {1000 * worked:.0f} ms of "
        "processor a reading"
    )


async def _many(explain: bool, each: int) -> float:
    given = texts(CLIENTS * each)
    limits = httpx2.Limits(max_connections=CLIENTS)
    async with httpx2.AsyncClient(base_url=ADDRESS, timeout=120, limits=limits) as client:

        async def one(k: int) -> None:
            for text in given[k * each : (k + 1) * each]:
                answer = await client.post("/read", json={"text": text, "explain": explain})
                assert answer.status_code == 200, answer.text

        begun = time.perf_counter()
        await asyncio.gather(*(one(k) for k in range(CLIENTS)))
        return CLIENTS * each / (time.perf_counter() - begun)


def many_texts() -> None:
    reader = WordsReader()
    for explain, n, each in ((False, 8 * BARE, EACH), (True, BARE, EXPLAINED)):
        reader.explain_up_to = 20 if explain else 0
        list(reader.read(texts(64)))
        given = texts(n)
        begun = time.perf_counter()
        if explain:
            for text in given:
                list(reader.read([text]))
        else:
            list(reader.read(given))
        bare = n / (time.perf_counter() - begun)
        served = asyncio.run(_many(explain, each))
        how = "with explanations" if explain else "without explanations, bare model in batches"
        print(
            f"{CLIENTS} clients × {each} texts {how}: {served:.0f} readings/s without an error, "
            f"bare model {bare:.0f}, ratio {served / bare:.2f}",
            flush=True,
        )


def many_runs(folder: Path) -> None:
    for k in range(RUNS):
        run = folder / f"run {k}"
        run.mkdir()
        (run / "report.html").write_text(f"<title>Run {k}</title>" + "x" * 1_000_000)
        (run / "result.json").write_text(json.dumps([0.5] * 100_000))
    begun = time.perf_counter()
    found = httpx2.get(f"{ADDRESS}/runs", timeout=60).json()["runs"]
    assert len(found) == RUNS
    print(f"a folder of {RUNS} runs is listed in {time.perf_counter() - begun:.2f} s")


def main() -> None:
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}; uvicorn {uvicorn.__version__}")
    with studio() as (process, folder):
        many_runs(folder)
        asyncio.run(live(process))
        many_texts()


if __name__ == "__main__":
    main()
