"""What a call orders, as the engine carries it out; everything that can be wrong with it is found here, or is no fault of it."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from .cache import key
from .config import Fault
from .failure import Failed
from .job import OpeningOrder, Order
from .model import Model
from .session import Spec
from .text import MAX_PROMPT
from .v1 import engine_pb2 as pb

MAX_SIDE = 4096
MAX_LENGTH = 3600.0  # seconds; what is longer is endless
MAX_KEPT = 120.0  # seconds; a longer result is not kept
MAX_ID = 256


class Templates:
    """Openings by the names of their templates: those of a file are everybody's, those that were warmed their tenant's."""

    def __init__(self, everybody: dict[str, pb.Opening] | None = None):
        self._known = {("", name): opening for name, opening in (everybody or {}).items()}
        self._most = 1000 + len(self._known)

    def learn(self, tenant: str, name: str, opening: pb.Opening) -> None:
        if len(self._known) >= self._most:  # the one longest known, of those that were warmed
            oldest = next((k for k in self._known if k[0]), None)
            if oldest is not None:
                del self._known[oldest]
        self._known[tenant, name] = opening

    def find(self, tenant: str, name: str) -> pb.Opening | None:
        return self._known.get((tenant, name)) or self._known.get(("", name))

    @staticmethod
    def load(file: Path) -> "Templates":
        """JSON: {"name": {"prompt": "", "seed": 0, "chunks": 2, "recache": false}}."""
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            return Templates({str(name): pb.Opening(**opening) for name, opening in told.items()})
        except (OSError, ValueError, TypeError, AttributeError) as err:
            raise Fault(f"{file.name}: {err}") from err


def read(model: Model, told: pb.Order, warm: bool = False, templates: Templates | None = None) -> Order:
    """Raises Failed. With warm the order is its opening alone. A template that is known by name, and shorter than the
    order, gives it its opening."""
    c = model.config
    if (
        templates is not None
        and told.template
        and not told.HasField("opening")
        and not told.session
        and not told.restyle
    ):
        known = templates.find(told.tenant, told.template)
        if (
            known is not None
            and c.causal
            and (told.endless or known.chunks < chunks_of(model, told.length / 1e9, False))
        ):
            told.opening.CopyFrom(known)
    if told.model and told.model != c.name:
        raise Failed(pb.CODE_UNKNOWN_MODEL, f"model {told.model[:64]} is not here, {c.name} is")
    length = told.length / 1e9
    opening = told.opening if told.HasField("opening") else None
    faults = []
    for bad, text in (
        (len(told.prompt.encode()) > MAX_PROMPT, f"the prompt is longer than {MAX_PROMPT >> 10} KB"),
        (len(told.negative.encode()) > MAX_PROMPT, f"the negative prompt is longer than {MAX_PROMPT >> 10} KB"),
        (not told.prompt.strip() and not warm, "there is no prompt"),
        (
            not 16 <= told.width <= MAX_SIDE or not 16 <= told.height <= MAX_SIDE,
            f"{told.width}x{told.height}: a side is 16 to {MAX_SIDE}",
        ),
        (told.width % 2 or told.height % 2, f"{told.width}x{told.height}: H.264 wants even sides"),
        (not 1 <= told.frame_rate <= 120, f"a frame rate of {told.frame_rate:g} is not within 1 to 120"),
        (
            not (told.endless or warm) and not 0 < length <= MAX_LENGTH,
            f"a length of {length:g} s is not within 0 to {MAX_LENGTH:g}",
        ),
        (told.ack_window < 0, "ack_window is negative"),
        (
            max(len(told.id), len(told.tenant), len(told.session), len(told.template)) > MAX_ID,
            f"an ID is longer than {MAX_ID}",
        ),
        (opening is not None and not 1 <= opening.chunks <= 64, "an opening has 1 to 64 chunks"),
        (opening is not None and not c.causal, f"model {c.name} makes a clip in one piece: it has no openings"),
        (opening is not None and (told.session or told.restyle), "an opening begins a session, and is not restyled"),
        (opening is not None and len(opening.prompt.encode()) > MAX_PROMPT, "the opening's prompt is too long"),
        (opening is not None and told.template == "", "an opening needs the name of its template"),
        (warm and opening is None, "there is no opening to warm"),
        (math.isnan(told.strength) or math.isnan(told.guidance), "strength and guidance are numbers"),
    ):
        if bad:
            faults.append(text)
    if faults:
        raise Failed(pb.CODE_BAD_INPUT, "; ".join(faults))
    width, height = size_of(model, told.width, told.height)
    chunks = opening.chunks if warm else 0 if told.endless else chunks_of(model, length, bool(told.session))
    if opening is not None and not warm and 0 < chunks <= opening.chunks:
        raise Failed(pb.CODE_BAD_INPUT, f"the opening's {opening.chunks} chunks are the whole: {chunks} are ordered")
    spec = Spec(
        told.prompt,
        width,
        height,
        told.negative,
        told.seed,
        chunks,
        told.steps,
        told.guidance,
        told.restyle,
        told.strength,
    ).check(model)
    whole = length <= MAX_KEPT and not (told.endless or told.restyle or told.session or told.keep or warm)
    return Order(
        told.id,
        told.tenant,
        spec,
        told.width,
        told.height,
        told.frame_rate,
        0 if told.endless or warm else max(1, round(length * told.frame_rate)),
        time.monotonic() + told.deadline / 1e9 - time.time() if told.deadline else None,
        told.lane,
        None if opening is None else _opening(model, told, spec),
        told.session,
        told.ack_window,
        told.keep,
        _key(model, told, spec, "result", prompt=told.prompt, length=told.length, seed=told.seed) if whole else "",
    )


def size_of(model: Model, width: int, height: int) -> tuple[int, int]:
    """What the model makes for an ordered size: the nearest of its own by aspect, or the next multiple."""
    c = model.config
    if c.sizes:
        return min(c.sizes, key=lambda s: (abs(math.log(s[0] / s[1] * height / width)), abs(s[0] - width)))
    unit = c.vae.stride * c.dit.patch[1]
    return -(-width // unit) * unit, -(-height // unit) * unit


def chunks_of(model: Model, seconds: float, continued: bool) -> int:
    """Chunks that hold as many seconds; of a bidirectional model, latent frames."""
    c, stride = model.config, model.config.vae.time_stride
    frames = max(1, math.ceil(seconds * c.frame_rate - 1e-6))
    if not c.causal:
        return -(-(frames - 1) // stride) + 1
    later = c.stream.chunk * stride
    first = later if continued else later - stride + 1
    return 1 + max(0, -(-(frames - first) // later))


def _opening(model: Model, told: pb.Order, spec: Spec) -> OpeningOrder:
    o = told.opening
    name = _key(model, told, spec, "opening", prompt=o.prompt, seed=o.seed, chunks=o.chunks)
    return OpeningOrder(name, o.prompt, o.seed, o.chunks, o.recache)


def _key(model: Model, told: pb.Order, spec: Spec, kind: str, **more: object) -> str:
    """Everything that the pictures and their encoding depend on."""
    o = told.opening if told.HasField("opening") and kind == "result" else None
    return key(
        kind,
        model=model.fingerprint,
        dtype=str(model.dits[0].dtype),
        device=model.device.type,
        tenant=told.tenant,
        template=told.template,
        size=[spec.width, spec.height],
        out=[told.width, told.height, told.frame_rate],
        steps=spec.steps,
        guidance=spec.guidance,
        negative=spec.negative,
        opening=None if o is None else [o.prompt, o.seed, o.chunks, o.recache],
        **more,
    )
