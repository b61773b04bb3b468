"""Metrics, for Prometheus and for the Stats call. Labels are bounded: no IDs."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_seconds = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Stats:
    def __init__(self) -> None:
        self.registry = r = CollectorRegistry()
        p = "liveclip_engine_"
        self.orders = Counter(
            p + "orders", "Orders by how they ended: a failure's code, or done.", ["outcome"], registry=r
        )
        self.frames = Counter(p + "frames", "Frames sent.", registry=r)
        self.forwards = Counter(p + "forwards", "Forwards of the transformer.", registry=r)
        self.rows = Counter(p + "forward_rows", "Rows of those forwards: by forwards, the mean batch.", registry=r)
        self.forward = Histogram(p + "forward_seconds", "One forward.", registry=r, buckets=_seconds)
        self.decode = Histogram(p + "decode_seconds", "Decoding of one chunk.", registry=r, buckets=_seconds)
        self.encode = Histogram(p + "encode_seconds", "Encoding of one chunk to H.264.", registry=r, buckets=_seconds)
        self.first = Histogram(
            p + "first_chunk_seconds", "From acceptance to the first chunk.", ["cached"], registry=r, buckets=_seconds
        )
        self.chunk = Histogram(p + "chunk_seconds", "Between two chunks of an order.", registry=r, buckets=_seconds)
        self.waited = Histogram(p + "queue_seconds", "In the queue.", registry=r, buckets=_seconds)
        self.late = Counter(p + "deadlines_missed", "Orders that ended after their deadline.", registry=r)
        self.active = Gauge(p + "active", "Orders computed in turns.", registry=r)
        self.queued = Gauge(p + "queued", "Orders that wait.", registry=r)
        self.memory = Gauge(p + "session_bytes", "Memory that sessions hold.", registry=r)
        self.cached = Gauge(p + "cache_bytes", "Memory that a tier of the cache holds.", ["tier"], registry=r)
        self.asked = Gauge(p + "cache_lookups", "Look-ups in a tier of the cache.", ["tier", "outcome"], registry=r)

    def values(self) -> dict[str, float]:
        """Every sample but histogram buckets, by its name and labels."""
        out = {}
        for metric in self.registry.collect():
            for s in metric.samples:
                if not s.name.endswith(("_bucket", "_created")):
                    labels = ",".join(f"{k}={v}" for k, v in sorted(s.labels.items()))
                    out[f"{s.name}{{{labels}}}" if labels else s.name] = s.value
        return out
