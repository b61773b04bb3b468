"""What an order will take, in seconds and in bytes of the device."""

from __future__ import annotations

from . import batch
from .cache import Tiers
from .job import Order
from .model import Model
from .scheduler import Admitted, Table
from .session import Spec


class Estimate:
    def __init__(self, model: Model, table: Table, tiers: Tiers):
        self._model, self._table, self._tiers = model, table, tiers

    def of(self, order: Order) -> Admitted:
        return Admitted(self.work(order), order.deadline, self.bytes(order))

    def work(self, order: Order) -> float:
        """Seconds of the device, decoding with them; 0 while nothing of its shape has run."""
        c, spec = self._model.config, order.spec
        shape = shape_of(spec)
        if not self._table.known(shape):
            return 0.0
        chunks = (spec.chunks or 1) if c.causal else 1
        if order.opening and order.opening.key in self._tiers.openings:
            chunks = max(1, chunks - order.opening.chunks)
        forwards = len(self._model.sampler(spec.steps)) + (1 if c.causal and c.stream.clean_pass else 0)
        a_forward = self._table.predict(shape, 2 if batch.guided(self._model, spec) else 1)
        decoding = self._table.predict(("decode", shape), 1) if self._table.known(("decode", shape)) else 0.0
        # a chunk is decoded beside the next one's forwards: whichever takes longer sets the pace
        return (chunks - 1) * max(forwards * a_forward, decoding) + forwards * a_forward + decoding

    def bytes(self, order: Order) -> int:
        """Of its caches, its prompts, and the activations of one forward."""
        c, spec = self._model.config, order.spec
        tokens, branches = c.tokens(spec.width, spec.height), 2 if batch.guided(self._model, spec) else 1
        s = c.stream
        kept = sum(
            dit.session_bytes(tokens, s.sinks + s.window + s.chunk if c.causal else 0) for dit in self._model.dits
        )
        rows = tokens * (s.chunk if c.causal else spec.chunks)
        return branches * (kept + rows * (12 * c.dit.dim + 2 * c.dit.ffn) * 4)


def shape_of(spec: Spec) -> tuple[int, int]:
    """What forwards of one session have in common for the table of latencies."""
    return (spec.width, spec.height)
