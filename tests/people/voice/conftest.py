from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from affectome.people.voice import windows


@pytest.fixture
def _loud_is_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every 32 ms that are not near silence for speech: synthetic vowels are not always."""

    def loud(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            padded = np.pad(block, (0, -len(block) % 512)).reshape(-1, 512)
            least = 0.06 * np.abs(block).max(initial=1e-9)
            yield (np.abs(padded).max(1) > least).astype(np.float32)

    monkeypatch.setattr(windows, "speech_probability", loud)
