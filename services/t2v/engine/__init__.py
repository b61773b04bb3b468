"""liveclip's generation engine: streaming video diffusion with a rolling KV cache. README.md says how the parts fit."""
