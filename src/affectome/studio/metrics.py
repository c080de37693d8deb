"""Counts and durations for Prometheus; nothing of what was read is in them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.context_managers import Timer

from affectome.people.reading import Reading

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Metrics:
    """What one studio counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._readings = Counter(
            "affectome_readings",
            "Readings, by modality and whether they abstain.",
            ["modality", "abstains"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "affectome_read_seconds",
            "Seconds from a request to its readings.",
            buckets=SECONDS,
            registry=self._registry,
        )
        self._live = Counter(
            "affectome_live_replies",
            "Replies to frames and stretches of sound, by kind.",
            ["kind"],
            registry=self._registry,
        )
        self._live_seconds = Histogram(
            "affectome_live_seconds",
            "Seconds from a frame's arrival to its reply.",
            buckets=SECONDS,
            registry=self._registry,
        )
        self.sessions = Gauge(
            "affectome_live_sessions", "Live sessions that are open.", registry=self._registry
        )

    def reading(self) -> Timer:
        """Time a request."""
        return self._seconds.time()

    def count(self, readings: Iterable[Reading]) -> None:
        """Count readings."""
        for reading in readings:
            self._readings.labels(reading.modality, str(reading.abstains).lower()).inc()

    def replied(self, kind: str, seconds: float) -> None:
        """Count a live reply."""
        self._live.labels(kind).inc()
        self._live_seconds.observe(seconds)

    def text(self) -> bytes:
        """Give all in the format of Prometheus."""
        return generate_latest(self._registry)
