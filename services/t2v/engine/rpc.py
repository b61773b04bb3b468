"""The service: gRPC calls as orders, events as replies, failures as codes."""

from __future__ import annotations

import queue
import threading
import time
from concurrent import futures
from pathlib import Path
from typing import Iterator

import grpc
import numpy as np
import torch
from google.protobuf.any_pb2 import Any
from google.rpc.status_pb2 import Status

from . import kept, orders
from .failure import Failed, sorted_out
from .job import Asked, ChunkMade, Done, Job, Queued
from .loop import Engine
from .text import MAX_PROMPT
from .v1 import engine_pb2 as pb
from .v1 import engine_pb2_grpc as pb_grpc

MESSAGE = 64 << 20  # bytes; frames to restyle come in such pieces

_grpc = {
    pb.CODE_BAD_INPUT: grpc.StatusCode.INVALID_ARGUMENT,
    pb.CODE_UNKNOWN_MODEL: grpc.StatusCode.NOT_FOUND,
    pb.CODE_UNKNOWN_SESSION: grpc.StatusCode.NOT_FOUND,
    pb.CODE_BAD_MODEL: grpc.StatusCode.FAILED_PRECONDITION,
    pb.CODE_TOO_LARGE: grpc.StatusCode.FAILED_PRECONDITION,
    pb.CODE_OVERLOADED: grpc.StatusCode.UNAVAILABLE,
    pb.CODE_OUT_OF_MEMORY: grpc.StatusCode.RESOURCE_EXHAUSTED,
    pb.CODE_LATE: grpc.StatusCode.DEADLINE_EXCEEDED,
    pb.CODE_CANCELED: grpc.StatusCode.CANCELLED,
    pb.CODE_DRAINING: grpc.StatusCode.UNAVAILABLE,
    pb.CODE_SLOW_CLIENT: grpc.StatusCode.ABORTED,
    pb.CODE_NOT_READY: grpc.StatusCode.UNAVAILABLE,
    pb.CODE_INTERNAL: grpc.StatusCode.INTERNAL,
}


class Service(pb_grpc.EngineServicer):
    """Answers Health from the beginning; everything else once engine is given."""

    def __init__(self, device: str, templates: orders.Templates | None = None) -> None:
        self.engine: Engine | None = None
        self.templates = templates or orders.Templates()
        self.state, self.reason, self.device = pb.STATE_LOADING, "reads its weights", device

    def Warm(self, request: pb.WarmRequest, context: grpc.ServicerContext) -> pb.WarmReply:
        with _failing(context):
            engine, began = self._ready(), time.monotonic()
            if request.model and request.model != engine.model.config.name:
                raise Failed(pb.CODE_UNKNOWN_MODEL, f"model {request.model[:64]} is not here")
            if not request.HasField("opening"):
                return pb.WarmReply(took=_ns(time.monotonic() - began), known=True)
            told = request.opening
            order = orders.read(engine.model, told, warm=True)
            self.templates.learn(told.tenant, told.template, told.opening)
            known = order.opening.key in engine.tiers.openings
            if not known:
                job = engine.submit(order)
                context.add_callback(lambda: job.cancel(Failed(pb.CODE_CANCELED, "the client left")))
                for event in _events(job, context):
                    if isinstance(event, Failed):
                        raise event
            opening = engine.tiers.openings.get(order.opening.key)
            if opening is None:
                raise Failed(pb.CODE_TOO_LARGE, "the opening is greater than the cache")
            return pb.WarmReply(took=_ns(time.monotonic() - began), known=known, bytes=opening.bytes)

    def Health(self, request: pb.HealthRequest, context: grpc.ServicerContext) -> pb.HealthReply:
        engine = self.engine
        reply = pb.HealthReply(
            ready=self.state == pb.STATE_READY, device=self.device, reason=self.reason, state=self.state
        )
        if engine is not None and engine.broken:
            reply.ready, reply.state, reply.reason = False, pb.STATE_FAILED, engine.broken
        if engine is not None:
            active, queued, load = engine.counts()
            reply.models.append(engine.model.config.name)
            reply.queued, reply.active, reply.load = queued, active, load
            reply.memory = engine.limits.memory
            reply.free_memory = max(0, engine.limits.memory - engine.taken())
            reply.version = engine.model.fingerprint
        return reply

    def Generate(
        self, requests: Iterator[pb.GenerateRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.GenerateReply]:
        with _failing(context):
            engine = self._ready()
            first = _within(context, engine.limits.patience, lambda: next(requests, None))
            if first is None or first.WhichOneof("request") != "order":
                raise Failed(pb.CODE_BAD_INPUT, "an order comes first")
            job = engine.submit(orders.read(engine.model, first.order, templates=self.templates))
            gone = Failed(pb.CODE_CANCELED, "the client left")
            if not context.add_callback(lambda: (job.cancel(gone), engine.wake())):
                job.cancel(gone)
            threading.Thread(target=_listen, args=(requests, job, engine), name="listen", daemon=True).start()
            yield pb.GenerateReply(accepted=self._accepted(engine, job))
            for event in _events(job, context):
                if isinstance(event, Failed):
                    raise event
                yield _reply(event, job)
                engine.wake()

    def Cancel(self, request: pb.CancelRequest, context: grpc.ServicerContext) -> pb.CancelReply:
        with _failing(context):
            engine = self._ready(new=False)
            job = engine.find(request.id)
            if job is not None:
                job.cancel(Failed(pb.CODE_CANCELED, "canceled"))
                engine.wake()
            return pb.CancelReply(found=job is not None)

    def Snapshot(self, request: pb.SnapshotRequest, context: grpc.ServicerContext) -> pb.SnapshotReply:
        with _failing(context):
            token, size, chunk = kept.take_snapshot(self._ready(new=False), request.session)
            return pb.SnapshotReply(snapshot=token, bytes=size, chunk=chunk)

    def Resume(self, request: pb.ResumeRequest, context: grpc.ServicerContext) -> pb.ResumeReply:
        with _failing(context):
            session, chunk = kept.resume(self._ready(), request.snapshot)
            return pb.ResumeReply(session=session, chunk=chunk)

    def Stats(self, request: pb.StatsRequest, context: grpc.ServicerContext) -> pb.StatsReply:
        with _failing(context):
            engine = self._ready(new=False)
            rows = [pb.Latency(shape=s, batch=b, seconds=t, samples=n) for s, b, t, n in engine.table.rows()]
            return pb.StatsReply(values=engine.stats.values(), latency=rows)

    def _ready(self, new: bool = True) -> Engine:
        """new: for work that a draining engine refuses."""
        if self.state == pb.STATE_FAILED:
            raise Failed(pb.CODE_BAD_MODEL, self.reason)
        if self.state == pb.STATE_DRAINING and new:
            raise Failed(pb.CODE_DRAINING, "the engine shuts down")
        if self.engine is None:
            raise Failed(pb.CODE_NOT_READY, self.reason)
        if self.engine.broken:
            raise Failed(pb.CODE_INTERNAL, self.engine.broken)
        return self.engine

    def _accepted(self, engine: Engine, job: Job) -> pb.Accepted:
        spec, work = job.order.spec, job.admitted.work
        a_chunk = work / spec.chunks if spec.chunks else 0.0
        return pb.Accepted(
            estimate=_ns(work),
            session=job.name,
            position=job.position,
            first=_ns(0.0 if job.result_hit else a_chunk),
            frame_rate=job.order.rate,
            chunks=spec.chunks if engine.model.config.causal else 1,
        )


def _reply(event: object, job: Job) -> pb.GenerateReply:
    if isinstance(event, Queued):
        return pb.GenerateReply(queued=pb.Queued(position=event.position, estimate=_ns(event.estimate)))
    if isinstance(event, ChunkMade):
        begin, end = (_ns(n / job.order.rate) for n in (event.first, event.first + event.frames))
        chunk = pb.Chunk(
            index=event.index,
            data=event.data,
            start=begin,
            end=end,
            frames=event.frames,
            cached=event.cached,
            took=_ns(event.took),
        )
        return pb.GenerateReply(chunk=chunk)
    assert isinstance(event, Done)
    hits = {
        "opening_hit": job.opening_hit,
        "result_hit": job.result_hit,
        "prompt_hit": job.prompt_hit and not job.result_hit,
    }
    finished = pb.Finished(
        frames=event.frames,
        took=_ns(event.took),
        cache_hit=job.opening_hit or job.result_hit,
        first=_ns(event.first),
        waited=_ns(event.waited),
        steps=len(job.session.sampler) if job.session else 0,
        forwards=event.forwards,
        **hits,
    )
    return pb.GenerateReply(finished=finished)


def _events(job: Job, context: grpc.ServicerContext) -> Iterator[object]:
    """Until a Done or a Failed, both of which are given; ends where the client is gone."""
    while True:
        try:
            event = job.out.get(timeout=0.5)
        except queue.Empty:
            if not context.is_active():
                return
            continue
        yield event
        if isinstance(event, (Done, Failed)):
            return


def _within(context: grpc.ServicerContext, seconds: float, wait):
    """What wait gives; a client that says nothing for so long is hung up on."""
    timer = threading.Timer(seconds, context.cancel)
    timer.daemon = True
    timer.start()
    try:
        return wait()
    finally:
        timer.cancel()


def _listen(requests: Iterator[pb.GenerateRequest], job: Job, engine: Engine) -> None:
    """What the client says after its order."""
    try:
        for request in requests:
            kind = request.WhichOneof("request")
            if kind == "ack":
                job.acked = max(job.acked, request.ack.index)
            elif kind == "pause":
                job.paused = request.pause.paused
            elif kind == "change":
                job.asked.put(_changed(request.change))
            elif kind == "frames":
                _frames_wait(job)
                job.asked.put(Asked(frames=_frames(request.frames.rgb, job)))
            else:
                raise Failed(pb.CODE_BAD_INPUT, "one order a call")
            if job.asked.qsize() > 256:
                raise Failed(pb.CODE_BAD_INPUT, "more is asked than can be done")
            engine.wake()
        job.asked.put(Asked(stop=True))
    except Failed as err:
        job.cancel(err)
    except Exception:  # the call has ended; its callback cancels the job
        pass
    engine.wake()


def _frames_wait(job: Job) -> None:
    """Reads no further while enough frames wait: the connection's flow control tells the client."""
    while job.canceled is None and (job.asked.qsize() > 4 or job.session is not None and len(job.session.fed) > 64):
        time.sleep(0.02)


def _changed(told: pb.PromptChange) -> Asked:
    if len(told.prompt.encode()) > MAX_PROMPT or not told.prompt.strip():
        raise Failed(pb.CODE_BAD_INPUT, f"a prompt has 1 to {MAX_PROMPT} bytes")
    return Asked(prompt=told.prompt, chunk=max(0, told.chunk), recache=told.recache)


def _frames(rgb: bytes, job: Job) -> torch.Tensor:
    """[T, 3, H, W] from -1 to 1, of the model's size."""
    width, height = job.order.width, job.order.height
    frame = width * height * 3
    if not rgb or len(rgb) % frame:
        raise Failed(pb.CODE_BAD_INPUT, f"{len(rgb)} bytes are no whole frames of {width}x{height}")
    flat = torch.from_numpy(np.frombuffer(rgb, np.uint8).reshape(-1, height, width, 3).copy())
    frames = flat.permute(0, 3, 1, 2).float() / 127.5 - 1
    spec = job.order.spec
    if (width, height) != (spec.width, spec.height):
        frames = torch.nn.functional.interpolate(
            frames, (spec.height, spec.width), mode="bilinear", align_corners=False
        )
    return frames


class _failing:
    """Any error as the status of the call, a Failure in its details."""

    def __init__(self, context: grpc.ServicerContext):
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, err: BaseException | None, _: object) -> None:
        if err is None or isinstance(err, (GeneratorExit, KeyboardInterrupt, SystemExit)):
            return
        failed = sorted_out(err)
        code = _grpc[failed.code]
        detail = Any()
        detail.Pack(pb.Failure(code=failed.code, reason=failed.reason, retry_after=_ns(failed.retry_after)))
        status = Status(code=code.value[0], message=failed.reason, details=[detail])
        self._context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        self._context.abort(code, failed.reason)


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def secured(cert: Path, key: Path, clients: Path | None) -> grpc.ServerCredentials:
    """TLS with a certificate and its key, PEM; clients: of the authorities of which a client must have a certificate."""
    try:
        pair, authorities = (key.read_bytes(), cert.read_bytes()), clients.read_bytes() if clients else None
    except OSError as err:
        raise Failed(pb.CODE_INTERNAL, f"TLS: {err}") from err
    return grpc.ssl_server_credentials([pair], authorities, require_client_auth=clients is not None)


def serve(
    service: Service, address: str, calls: int = 64, tls: grpc.ServerCredentials | None = None
) -> tuple[grpc.Server, int]:
    """A started server and its port. Raises Failed when the address is taken, or tls is of no use."""
    options = [
        ("grpc.max_receive_message_length", MESSAGE),
        ("grpc.max_send_message_length", MESSAGE),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", 20_000),  # a client that vanished without a word is noticed
        ("grpc.keepalive_timeout_ms", 10_000),
    ]
    server = grpc.server(futures.ThreadPoolExecutor(calls, thread_name_prefix="call"), options=options)
    pb_grpc.add_EngineServicer_to_server(service, server)
    try:
        port = server.add_secure_port(address, tls) if tls else server.add_insecure_port(address)
    except RuntimeError as err:
        raise Failed(pb.CODE_INTERNAL, f"cannot listen on {address}: {err}") from err
    server.start()
    return server, port
