"""Ten thousand pictures screened: pictures a second, memory that must not grow, and a kill.

``python -m bench screen`` makes 10,000 pictures of 400 × 320 pixels (shifted, mirrored and cropped
cuts of some large ones with the spectrum of photographs), screens them by the command, kills it in
the middle, and lets it go on. ``python -m bench.screen 2000 FOLDER`` cuts from the pictures of a
folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from affectome.people.pictures.screening import BATCH, READ

SIZE, LARGE, N_LARGE = (400, 320), 900, 40
EVERY_S = 0.2


def photograph(rng: np.random.Generator) -> Image.Image:
    """Draw noise with the 1/f spectrum of photographs, and colours that go together."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(LARGE), np.fft.fftfreq(LARGE)))
    white = rng.standard_normal((3, LARGE, LARGE))
    smooth = np.fft.ifft2(np.fft.fft2(white) / np.maximum(frequency, 1 / LARGE)).real
    mixed = np.tensordot(np.array([[1, 0.2, 0.1], [1, 0, 0.2], [1, -0.2, 0.1]]), smooth, 1)
    mixed = 127 + 55 * (mixed - mixed.mean()) / mixed.std()
    return Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def make(folder: Path, n: int, source: Path | None) -> None:
    """Write n pictures, all different."""
    rng = np.random.default_rng(0)
    if source is None:
        large = [photograph(rng) for _ in range(N_LARGE)]
    else:
        found = sorted(
            p for p in source.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"}
        )
        large = [Image.open(p).convert("RGB") for p in found]
    for k in range(n):
        one = large[k % len(large)]
        wide = min(one.width, one.height * SIZE[0] / SIZE[1]) * rng.uniform(0.5, 1)
        tall = wide * SIZE[1] / SIZE[0]
        left, top = rng.uniform(0, one.width - wide), rng.uniform(0, one.height - tall)
        cut = one.resize(SIZE, Image.Resampling.BILINEAR, (left, top, left + wide, top + tall))
        if rng.random() < 0.5:
            cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        cut.save(folder / f"{k:05d}.jpg", quality=88)


def watched(command: list[str], read: Path, stop_at: int | None) -> dict[str, float]:
    """Run until it ends, or has written so many rows and is killed; watch its memory."""
    begun = time.perf_counter()
    process = psutil.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    early = peak = worked = 0.0
    killed = 0
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss / 1e6)
            times = process.cpu_times()
            worked = times.user + times.system
        except psutil.Error:
            break
        n = BATCH * len(list(read.glob("*.shard")))
        if n < 1000 or not early:
            early = peak
        if stop_at is not None and n >= stop_at:
            process.kill()
            killed = n
            break
        time.sleep(EVERY_S)
    process.wait()
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "worked": worked, "early": early, "peak": peak, "killed": killed}


def main(n: int = 10_000, source: Path | None = None) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place) / "pictures", Path(place) / "out"
        folder.mkdir()
        make(folder, n, source)
        command = [sys.executable, "-m", "affectome", "screen", str(folder), "--out", str(out)]
        read = out / READ
        first = watched(command, read, n // 2)
        kept = {file: file.stat().st_mtime_ns for file in read.glob("*.shard")}
        second = watched(command, read, None)
        same = all(file.stat().st_mtime_ns == made for file, made in kept.items())
        often = Counter(
            row["file"] for file in read.glob("*.shard") for row in json.loads(file.read_bytes())
        )
        result = json.loads((out / "result.json").read_text())
    seconds, worked = (first[k] + second[k] for k in ("seconds", "worked"))
    again = "not made again" if same else "MADE AGAIN"
    print(
        f"{n:,} pictures: {seconds:.0f} s, {n / seconds:.0f} a second; {worked:.0f} s of "
        f"processor, {n / worked:.0f} a second and core; killed at {first['killed']:.0f}, "
        f"the shards before it {again}; {len(often):,} files, each once: "
        f"{max(often.values()) == 1}; {result['pictures']:,} decided; memory "
        f"{first['early']:.0f} MB after 1,000, {max(first['peak'], second['peak']):.0f} MB at most",
        flush=True,
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *map(Path, sys.argv[2:3]))
