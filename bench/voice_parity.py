"""Hold the 88 voice features against Praat: ``python -m bench.voice_parity FOLDER`` of sound files.

Praat (through praat-parselmouth, GPL) does the measuring: pitch, pulses, jitter, shimmer,
harmonicity, formants and the spectrum of each frame are its own. Bands and cosine transforms over
its spectra are librosa's and scipy's; the functionals are written a second time below.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import librosa
import numpy as np
import parselmouth
import soundfile
from parselmouth.praat import call
from scipy.fft import dct

from affectome.features.voice.functionals import FEATURES, voice_functionals

RATE = 16_000
FLOOR, CEILING = 75, 600
PERIODS = (1e-4, 0.02, 1.3)
ENOUGH = 0.95


def oracle(signal: np.ndarray) -> dict[str, float]:
    """Measure a sound at 16 kHz by Praat; name of the feature → number."""
    sound = parselmouth.Sound(signal, RATE)
    pitch = sound.to_pitch_ac(0.01, FLOOR, 15, False, 0.03, 0.45, 0.01, 0.35, 0.14, CEILING)
    times, f0 = pitch.xs(), pitch.selected_array["frequency"]
    voiced = f0 > 0
    tracks = _spectral(sound, times)
    tracks["f0"] = np.where(voiced, 12 * np.log2(np.where(voiced, f0, 1) / 27.5), np.nan)
    harmonicity = call(sound, "To Harmonicity (ac)", 0.01, FLOOR, 0.03, 3.0)
    values = harmonicity.values[0]
    near = np.abs(harmonicity.xs()[None] - times[:, None]).argmin(1)
    tracks["hnr"] = np.where(voiced & (values[near] > -100), values[near], np.nan)
    tracks |= _periods(sound, pitch, times, voiced)
    tracks |= _resonances(sound, times, f0)
    return _functionals(signal, {k: _three(v) for k, v in tracks.items()}, voiced)


def _spectral(sound: parselmouth.Sound, times: np.ndarray) -> dict[str, np.ndarray]:
    shape = parselmouth.WindowShape.HAMMING
    power = []
    for t in times:
        frame = sound.extract_part(t - 0.0125, t + 0.0125, shape, 1.0, True)
        both = frame.to_spectrum(True).values
        power.append(both[0] ** 2 + both[1] ** 2)
    size = min(map(len, power))
    P = np.array([p[:size] for p in power])
    hertz = np.arange(size) * RATE / 2 / (size - 1)
    P *= (RATE / (0.54 * 400 / 2)) ** 2
    bands = (
        P
        @ librosa.filters.mel(
            sr=RATE, n_fft=512, n_mels=26, fmin=20, fmax=8000, htk=True, norm=None
        ).T
    )
    mel = librosa.mel_frequencies(28, fmin=20, fmax=8000, htk=True)[1:-1]
    w2 = (2 * np.pi * mel) ** 2
    ear = (w2 + 56.8e6) * w2**2 / ((w2 + 6.3e6) ** 2 * (w2 + 0.38e9))
    loud = (bands * ear) ** 0.33
    change = np.vstack([loud[:1], loud])[: len(loud)]
    dB = 10 * np.log10(P + 1e-12)

    def inside(low: float, high: float) -> np.ndarray:
        return (hertz >= low) & (hertz <= high)

    def energy(low: float, high: float) -> np.ndarray:
        return 10 * np.log10(P[:, inside(low, high)].sum(1) + 1e-12)

    def slope(low: float, high: float) -> np.ndarray:
        part = inside(low, high)
        return np.polyfit(hertz[part] / 1000, dB[:, part].T, 1)[0]

    tracks = {
        "loudness": loud.sum(1),
        "flux": np.sqrt(((loud - change) ** 2).mean(1)),
        "alpha_ratio": energy(50, 1000) - energy(1000, 5000),
        "hammarberg_index": dB[:, inside(0, 2000)].max(1) - dB[:, inside(2000, 5000)].max(1),
        "slope_0_500": slope(0, 500),
        "slope_500_1500": slope(500, 1500),
    }
    cepstrum = dct(10 * np.log10(bands + 1e-12), axis=1, norm="ortho")
    return tracks | {f"mfcc{i}": cepstrum[:, i] for i in (1, 2, 3, 4)}


def _periods(
    sound: parselmouth.Sound, pitch: parselmouth.Pitch, times: np.ndarray, voiced: np.ndarray
) -> dict[str, np.ndarray]:
    pulses = call([sound, pitch], "To PointProcess (cc)")
    jitter, shimmer = np.full((2, len(times)), np.nan)
    for i in np.flatnonzero(voiced):
        about = (times[i] - 0.03, times[i] + 0.03)
        jitter[i] = call(pulses, "Get jitter (local)", *about, *PERIODS)
        shimmer[i] = call([sound, pulses], "Get shimmer (local_dB)", *about, *PERIODS, 1.6)
    return {"jitter": jitter, "shimmer": shimmer}


def _resonances(
    sound: parselmouth.Sound, times: np.ndarray, f0: np.ndarray
) -> dict[str, np.ndarray]:
    formant = sound.to_formant_burg(0.01, 5, 5500, 0.025, 50)
    names = [f"f{k}{part}" for k in (1, 2, 3) for part in ("", "_bandwidth", "_level")]
    tracks = {name: np.full(len(times), np.nan) for name in (*names, "h1_h2", "h1_a3")}
    hann = parselmouth.WindowShape.HANNING
    for i in np.flatnonzero(f0 > 0):
        frame = sound.extract_part(times[i] - 0.025, times[i] + 0.025, hann, 1.0, True)
        both = frame.to_spectrum(True).values
        dB = 10 * np.log10(both[0] ** 2 + both[1] ** 2 + 1e-30)
        hertz = np.arange(len(dB)) * RATE / 2 / (len(dB) - 1)
        count = int(8000 / f0[i] - 0.2)
        level = np.array(
            [dB[np.abs(hertz - h * f0[i]) <= 0.2 * f0[i] + 8].max() for h in range(1, count + 1)]
        )
        at = np.arange(1, count + 1) * f0[i]
        tracks["h1_h2"][i] = level[0] - level[1]
        for k in (1, 2, 3):
            hz = formant.get_value_at_time(k, times[i])
            tracks[f"f{k}"][i] = hz
            tracks[f"f{k}_bandwidth"][i] = formant.get_bandwidth_at_time(k, times[i])
            if np.isfinite(hz):
                nearest = level[np.abs(at - hz).argmin()]
                tracks[f"f{k}_level"][i] = nearest - level[0]
                near = np.abs(at - hz) <= max(0.2 * hz, 0.5 * f0[i])
                if k == 3 and near.any():
                    tracks["h1_a3"][i] = level[0] - level[near].max()
    return tracks


def _three(track: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        around = np.vstack([np.r_[np.nan, track[:-1]], track, np.r_[track[1:], np.nan]])
    known = np.isfinite(around)
    mean = np.where(known, around, 0).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(np.isfinite(track), mean, np.nan)


def _functionals(
    signal: np.ndarray, tracks: dict[str, np.ndarray], voiced: np.ndarray
) -> dict[str, float]:
    out = {}
    for name in FEATURES[:-7]:
        track, part = name.split(".")
        values = tracks[track]
        if part.startswith("voiced_"):
            values, part = values[voiced], part.removeprefix("voiced_")
        elif part.startswith("unvoiced_"):
            values, part = values[~voiced], part.removeprefix("unvoiced_")
        known = values[np.isfinite(values)]
        if len(known) == 0:
            out[name] = np.nan
        elif part == "mean":
            out[name] = known.mean()
        elif part == "spread":
            positive = track in ("loudness", "flux", "jitter", "shimmer") or (
                track[0] == "f" and track[1].isdigit() and "level" not in track and track != "f0"
            )
            out[name] = known.std() / known.mean() if positive else known.std()
        elif part in ("p20", "p50", "p80"):
            out[name] = np.percentile(known, int(part[1:]))
        elif part == "range":
            out[name] = np.percentile(known, 80) - np.percentile(known, 20)
        else:
            least = 1.0 if track == "f0" else 0.1 * np.ptp(known)
            slopes = np.array(_walk(values, least))
            chosen = slopes[slopes > 0] if part.startswith("rise") else slopes[slopes < 0]
            measure = np.mean if part.endswith("mean") else np.std
            out[name] = measure(chosen) if len(chosen) else 0.0
    seconds = len(voiced) * 0.01
    out["loudness_peaks_per_s"] = _peaks(tracks["loudness"]) / seconds
    word = "".join("v" if v else "u" for v in voiced)
    swings = [len(s) * 0.01 for s in word.split("u") if s]
    rests = [len(s) * 0.01 for s in word.split("v") if s]
    out["voiced_segments_per_s"] = len(swings) / seconds
    for kind, lengths in (("voiced", swings), ("unvoiced", rests)):
        out[f"{kind}_segment_mean_s"] = np.mean(lengths) if lengths else np.nan
        out[f"{kind}_segment_sd_s"] = np.std(lengths) if lengths else np.nan
    out["sound_level_db"] = 10 * np.log10(parselmouth.Sound(signal, RATE).get_power() + 1e-12)
    return out


def _turns(run: list[float], least: float) -> list[int]:
    """Walk along a contour; turn where it comes back by more than ``least``."""
    found: list[int] = []
    low = high = way = 0
    for i, value in enumerate(run):
        high = i if value > run[high] else high
        low = i if value < run[low] else low
        if way >= 0 and run[high] - value > least:
            found += [low, high] if way == 0 and low < high else [high]
            way, low, high = -1, i, i
        elif way <= 0 and value - run[low] > least:
            found += [high, low] if way == 0 and high < low else [low]
            way, low, high = 1, i, i
    if way:
        found.append(high if way > 0 else low)
    return found


def _walk(track: np.ndarray, least: float) -> list[float]:
    slopes: list[float] = []
    run: list[float] = []
    for value in [*track, np.nan]:
        if np.isfinite(value):
            run.append(value)
            continue
        at = _turns(run, least) if run else []
        slopes += [(run[b] - run[a]) / (0.01 * (b - a)) for a, b in itertools.pairwise(at)]
        run = []
    return slopes


def _peaks(track: np.ndarray) -> int:
    at = [i for i in _turns(list(track), 0.1 * np.ptp(track)) if 0 < i < len(track) - 1]
    return sum(track[i] >= max(track[i - 1], track[i + 1]) for i in at)


def parity(signals: list[np.ndarray]) -> dict[str, float]:
    """Correlate each feature with the oracle's over many sounds."""
    ours = np.array([voice_functionals(x) for x in signals])
    measured = [oracle(x) for x in signals]
    theirs = np.array([[one[name] for name in FEATURES] for one in measured])
    out = {}
    for k, name in enumerate(FEATURES):
        both = np.isfinite(ours[:, k]) & np.isfinite(theirs[:, k])
        out[name] = float(np.corrcoef(ours[both, k], theirs[both, k])[0, 1])
    return out


def main() -> None:
    files = sorted(p for p in Path(sys.argv[1]).rglob("*") if p.suffix in (".flac", ".wav"))
    step = max(1, len(files) // int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    found = parity([soundfile.read(f)[0] for f in files[::step]])
    for name, r in sorted(found.items(), key=lambda pair: pair[1]):
        print(f"{name:<32} r = {r:.3f}")
    good = sum(r >= ENOUGH for r in found.values())
    print(f"{good} of {len(found)} features reach r = {ENOUGH} on {len(files[::step])} sounds")


if __name__ == "__main__":
    main()
