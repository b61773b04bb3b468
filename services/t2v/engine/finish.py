"""From clean latents to what is sent: decoding, encoding, cutting to length. A thread for each order, beside the loop."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from .cache import Made
from .encode import Encoder, Format, Muxer, Timeline
from .estimate import shape_of
from .failure import Failed, sorted_out
from .job import ChunkMade, Job
from .scheduler import Table
from .session import Latents
from .stats import Stats
from .v1 import engine_pb2 as pb


class Cut:
    """In a finisher's inbox: the encoder is begun anew here, as one that resumes an opening is."""


class End:
    """In a finisher's inbox: nothing follows."""


class Finisher:
    """Takes Latents, Cut and End from the job's inbox. tell is called, from its thread, after each and when it fails."""

    def __init__(self, job: Job, stats: Stats, tell: Callable[[Job, Failed | None, bool], None], decoding: Decoding):
        self.job, self.stats, self._tell, self._decoding = job, stats, tell, decoding
        self._encoder: Encoder | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="finish", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """At once, also in the middle of a chunk; from any thread."""
        self._stopped = True
        if (encoder := self._encoder) is not None:
            encoder.kill()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        failure, ended = None, False
        try:
            while True:
                item = self.job.inbox.get()
                if self._stopped:
                    return
                if isinstance(item, End):
                    ended = True
                    return
                if isinstance(item, Cut):
                    self._close()
                    continue
                self._finish(item)
                self.job.count(-1)
                self._tell(self.job, None, False)
        except Exception as err:  # of one order: it fails alone
            failure = sorted_out(err)
        finally:
            self._close()
            self._tell(self.job, failure, ended)

    def _close(self) -> None:
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None

    def _finish(self, latents: Latents) -> None:
        began = time.monotonic()
        frames = self._decode(latents)
        decoded = time.monotonic()
        self.stats.decode.observe(decoded - began)
        job = self.job
        if job.timeline is None:
            job.timeline = Timeline(job.session.model.config.frame_rate, job.order.rate)
        shown = job.timeline.take(len(frames))
        if job.order.frames:
            shown = shown[: max(0, job.order.frames - job.frames)]
        if shown:
            self._encode(frames[shown], began)
        self.stats.encode.observe(time.monotonic() - decoded)

    def _decode(self, latents: Latents) -> np.ndarray:
        """[T, H, W, 3] of bytes."""
        session = self.job.session
        with self._decoding(latents.z, shape_of(session.spec)):
            pixels = session.model.vae.decode(latents.z.to(session.model.vae.device), session.tails)[0]
            return to_bytes(pixels).cpu().numpy()

    def _encode(self, frames: np.ndarray, began: float) -> None:
        job, order = self.job, self.job.order
        if self._encoder is None:
            self._encoder = Encoder(Format(frames.shape[2], frames.shape[1], order.width, order.height, order.rate))
        packets = self._encoder.encode(frames)
        muxer = Muxer(order.width, order.height, order.rate, self._encoder.header)
        header = muxer.beginning()
        if job.header and header != job.header:
            raise Failed(pb.CODE_INTERNAL, "the encoder tells its stream otherwise than before")
        fragment = muxer.fragment(packets, job.frames, job.chunks + 1)
        send(job, header, Made(fragment, len(packets)), False, time.monotonic() - began, self.stats)


def send(job: Job, header: bytes, made: Made, cached: bool, took: float, stats: Stats) -> None:
    """A fragment to the call; the first carries the initialisation segment."""
    now = time.monotonic()
    data = made.data if job.chunks else header + made.data
    job.header = header
    if job.order.result_key or job.opening_left:
        job.made.append(made)
    if job.first_at is None:
        job.first_at = now
        stats.first.labels(cached=str(cached).lower()).observe(now - job.accepted)
    elif job.last_at is not None and not cached:
        stats.chunk.observe(now - job.last_at)
    job.last_at = now
    job.out.put(ChunkMade(job.chunks, data, job.frames, made.frames, cached, took))
    job.chunks += 1
    job.frames += made.frames
    stats.frames.inc(made.frames)


def to_bytes(pixels: Tensor) -> Tensor:
    """[3, T, H, W] from -1 to 1 as [T, H, W, 3] of bytes."""
    return ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 3, 0).contiguous()


class Decoding:
    """One decoding at a time: two would only share the device and its memory. On CUDA on a stream of its own, always the same
    one, so that it runs beside the next chunk's forwards and its memory is used again. What it takes is learned by table.
    """

    def __init__(self, table: Table) -> None:
        self._lock, self._table = threading.Lock(), table
        self._stream: torch.cuda.Stream | None = None

    @contextlib.contextmanager
    def __call__(self, z: Tensor, shape: tuple[int, int]) -> Iterator[None]:
        with self._lock, torch.inference_mode():
            began = time.monotonic()
            with self._beside(z):
                yield
            self._table.learn(("decode", shape), 1, time.monotonic() - began)

    @contextlib.contextmanager
    def _beside(self, z: Tensor) -> Iterator[None]:
        if not z.is_cuda:
            yield
            return
        if self._stream is None:
            self._stream = torch.cuda.Stream(z.device)
        self._stream.wait_stream(torch.cuda.default_stream(z.device))
        z.record_stream(self._stream)
        with torch.cuda.stream(self._stream):
            yield
            self._stream.synchronize()
