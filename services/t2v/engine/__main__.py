"""python -m engine --model DIR: serves one model until it is told to end."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import torch
from prometheus_client import start_http_server

from . import attn, cache, model, orders, rpc
from .config import Fault
from .failure import Failed, sorted_out
from .job import Done
from .loop import Engine, Limits
from .ranks import Ranks
from .rpc import Service
from .stats import Stats
from .v1 import engine_pb2 as pb

log = logging.getLogger("engine")


def arguments(told: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m engine", description="liveclip's generation engine")
    p.add_argument(
        "--model", type=Path, default=Path(__file__).parent / "models" / "tiny", help="folder with model.json"
    )
    p.add_argument("--listen", default="127.0.0.1:8090", help="host:port for gRPC; port 0: any")
    p.add_argument(
        "--tls-cert", type=Path, help="PEM file of the certificate that gRPC is served with; without: no TLS"
    )
    p.add_argument("--tls-key", type=Path, help="PEM file of its key")
    p.add_argument(
        "--tls-clients", type=Path, help="PEM file of authorities: a client must have a certificate of theirs"
    )
    p.add_argument("--metrics", default="", help="host:port for Prometheus; empty: none")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument(
        "--dtype", choices=("float32", "bfloat16", "float16"), help="default: bfloat16 on CUDA, float32 on CPU"
    )
    p.add_argument(
        "--pipeline", type=int, default=1, help="devices that share the model's blocks: more memory, not more speed"
    )
    p.add_argument("--attention", choices=("auto", "cudnn", "flash"), default="auto", help="kernels, on CUDA")
    p.add_argument(
        "--fuse", action="store_true", help="compile what lies between the products (PyTorch 2, a C compiler)"
    )
    p.add_argument("--threads", type=int, default=0, help="of PyTorch on the CPU; 0: its own choice")
    p.add_argument(
        "--memory-mib", type=int, default=0, help="for sessions; 0: 85 %% of what is free on CUDA, else 1024"
    )
    p.add_argument("--running", type=int, default=8, help="orders computed in turns")
    p.add_argument("--queued", type=int, default=32, help="orders that may wait")
    p.add_argument("--rows", type=int, default=4, help="of one batch")
    p.add_argument(
        "--patience", type=float, default=30.0, help="seconds a client may leave chunks unacknowledged or unread"
    )
    p.add_argument("--openings-mib", type=int, default=4096, help="cache of templates' openings, in main memory")
    p.add_argument("--results-mib", type=int, default=256, help="cache of whole results")
    p.add_argument("--prompts-mib", type=int, default=1024, help="cache of prompts, on the device")
    p.add_argument("--templates", type=Path, help="JSON with the openings of templates by their names")
    p.add_argument("--snapshots", type=Path, help="folder for snapshots of sessions; without it there are none")
    p.add_argument("--drain", type=float, default=30.0, help="seconds that accepted orders may take at shutdown")
    args = p.parse_args(told)
    if (args.tls_cert is None) != (args.tls_key is None) or args.tls_clients and not args.tls_cert:
        p.error("--tls-cert and --tls-key go together, and --tls-clients with them")
    return args


def main() -> int:
    args = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    if args.threads:
        torch.set_num_threads(args.threads)
    ended, signals = threading.Event(), []

    def on_signal(number: int, _: object) -> None:
        signals.append(number)
        ended.set()
        if len(signals) > 1:
            raise SystemExit(1)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    device = f"{args.device} {torch.cuda.get_device_name(0)}" if args.device.startswith("cuda") else args.device
    try:
        service = Service(device, orders.Templates.load(args.templates) if args.templates else None)
        tls = rpc.secured(args.tls_cert, args.tls_key, args.tls_clients) if args.tls_cert else None
        server, port = rpc.serve(service, args.listen, tls=tls)
    except (Fault, Failed) as err:
        log.error("%s", err)
        return 1
    print(f"listening on {args.listen.rsplit(':', 1)[0]}:{port}", flush=True)
    stats = Stats()
    if args.metrics:
        host, number = args.metrics.rsplit(":", 1)
        start_http_server(int(number), host, registry=stats.registry)
    with contextlib.ExitStack() as at_end:
        loader = threading.Thread(target=_load, args=(args, service, stats, at_end), name="load", daemon=True)
        loader.start()
        ended.wait()
        log.info("draining")
        service.state = pb.STATE_DRAINING
        if (engine := service.engine) is not None:
            engine.drain(args.drain)
            engine.close()
            engine.ended.wait(10)
        server.stop(1).wait()
    return 0


def _load(args: argparse.Namespace, service: Service, stats: Stats, at_end: contextlib.ExitStack) -> None:
    """Reads the weights, runs the first forwards, then serves."""
    try:
        dtype = getattr(torch, args.dtype or ("bfloat16" if args.device.startswith("cuda") else "float32"))
        ranks = None
        if args.pipeline > 1:
            ranks = Ranks(args.model, args.pipeline, args.device, dtype, args.threads)
            at_end.callback(ranks.close)
        made = model.load(args.model, args.device, dtype, ranks.dits if ranks else None)
        if args.device.startswith("cuda"):
            at_end.enter_context(attn.preferring(args.attention))
            made.tuned()
        if args.fuse:
            made.fused()
        limits = Limits(
            memory=min(_memory(args), ranks.memory if ranks else 1 << 62),
            running=args.running,
            queued=args.queued,
            rows=args.rows,
            patience=args.patience,
            snapshots=args.snapshots,
        )
        tiers = cache.Tiers(
            *(cache.Store(mib << 20) for mib in (args.prompts_mib, args.openings_mib, args.results_mib))
        )
        engine = Engine(made, limits, stats, tiers)
        if ranks is not None:
            ranks.watch(engine.give_up)
        service.state, service.reason = pb.STATE_WARMING, "runs its first forwards"
        threading.Thread(target=engine.run, name="engine", daemon=True).start()
        warm(engine)
        service.engine = engine
        if service.state == pb.STATE_WARMING:
            service.state, service.reason = pb.STATE_READY, ""
            log.info("ready: model %s %s on %s", made.config.name, made.fingerprint, service.device)
    except Exception as err:  # said to whoever asks: the process stays, so that it can be asked
        failed = sorted_out(err)
        log.error("not ready: %s", failed.reason)
        service.state, service.reason = pb.STATE_FAILED, failed.reason


def warm(engine: Engine) -> None:
    """One short video at the smallest size: everything has run once before the first order."""
    c = engine.model.config
    width, height = c.sizes[0] if c.sizes else (256, 256)
    told = pb.Order(
        prompt="warming up", width=width, height=height, frame_rate=c.frame_rate, length=int(1e9 / c.frame_rate)
    )
    order = replace(orders.read(engine.model, told), result_key="")
    job = engine.submit(order)
    while not isinstance(event := job.out.get(), Done):
        if isinstance(event, Exception):
            raise event


def _memory(args: argparse.Namespace) -> int:
    if args.memory_mib:
        return args.memory_mib << 20
    return int(torch.cuda.mem_get_info()[0] * 0.85) if args.device.startswith("cuda") else 1 << 30


if __name__ == "__main__":
    sys.exit(main())
