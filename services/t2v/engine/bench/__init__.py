"""python -m engine.bench: what the engine reaches on this machine, as a table, JSON, and a section of BENCHMARKS.md.

Random weights where only speed is measured: it does not depend on them. On the CPU a small model; on an NVIDIA GPU also the
grid of the published sizes. Compared things run in turns, so that a busy machine slows both.
"""
