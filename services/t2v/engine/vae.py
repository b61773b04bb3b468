"""The causal video autoencoders of Wan 2.1 and 2.2, encoding and decoding as a stream.

Every causal convolution keeps the last two frames it saw in a Tails, which belongs to a session; a stream of chunks gives
what the whole gives. The first frame of a stream stands alone: it is neither halved nor doubled in time. Parameters are
named as in the native checkpoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attn import attend
from .config import VaeConfig

Tails = dict[str, Tensor]  # by the convolution's name; empty: a stream's beginning
Device = torch.device | str | None


class CausalConv(nn.Conv3d):
    """Sees no future. In time it is padded by what went before, at the beginning by zeros."""

    name = ""

    def __init__(self, cin: int, cout: int, kernel: int, device: Device = None):
        super().__init__(cin, cout, kernel, padding=(0, kernel // 2, kernel // 2), device=device)

    def forward(self, x: Tensor, tails: Tails) -> Tensor:
        if self.kernel_size[0] == 1:
            return super().forward(x)
        x = _after_tail(x, tails, self.name)
        return super().forward(x)


def normed(x: Tensor, weight: Tensor) -> Tensor:
    return F.normalize(x, dim=1) * weight


class RmsNorm(nn.Module):
    normed = staticmethod(normed)

    def __init__(self, dim: int, dims: int, device: Device = None):
        super().__init__()
        self.scale = dim**0.5
        self.gamma = nn.Parameter(torch.ones(dim, *[1] * dims, device=device))

    def forward(self, x: Tensor) -> Tensor:
        return self.normed(x, self.scale * self.gamma)


class Residual(nn.Module):
    def __init__(self, cin: int, cout: int, device: Device = None):
        super().__init__()
        self.residual = nn.Sequential(
            RmsNorm(cin, 3, device),
            nn.SiLU(),
            CausalConv(cin, cout, 3, device),
            RmsNorm(cout, 3, device),
            nn.SiLU(),
            nn.Identity(),  # the place of a dropout, for the names
            CausalConv(cout, cout, 3, device),
        )
        self.shortcut = CausalConv(cin, cout, 1, device) if cin != cout else None

    def forward(self, x: Tensor, tails: Tails) -> Tensor:
        h = x if self.shortcut is None else self.shortcut(x, tails)
        return h + through(self.residual, x, tails)


class FrameAttention(nn.Module):
    """Single-headed attention within each frame."""

    def __init__(self, dim: int, device: Device = None):
        super().__init__()
        self.norm = RmsNorm(dim, 2, device)
        self.to_qkv = nn.Conv2d(dim, dim * 3, 1, device=device)
        self.proj = nn.Conv2d(dim, dim, 1, device=device)

    def forward(self, x: Tensor, tails: Tails) -> Tensor:
        b, c, t, h, w = x.shape
        y = self.norm(x.transpose(1, 2).flatten(0, 1))
        q, k, v = (p.flatten(2).transpose(1, 2)[:, :, None] for p in self.to_qkv(y).chunk(3, dim=1))
        y = attend(q, k, v)[:, :, 0].transpose(1, 2).reshape(b * t, c, h, w)
        return x + self.proj(y).unflatten(0, (b, t)).transpose(1, 2)


class Down(nn.Module):
    """Halves height and width, and with time also the frames after the first."""

    name = ""

    def __init__(self, dim: int, time: bool, device: Device = None):
        super().__init__()
        self.resample = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(dim, dim, 3, stride=2, device=device))
        self.time_conv = nn.Conv3d(dim, dim, (3, 1, 1), stride=(2, 1, 1), device=device) if time else None

    def forward(self, x: Tensor, tails: Tails) -> Tensor:
        x = framewise(self.resample, x)
        if self.time_conv is None:
            return x
        before = tails.get(self.name)
        tails[self.name] = x[:, :, -1:].clone()
        if before is not None:
            return self.time_conv(torch.cat([before, x], dim=2))
        return x if x.shape[2] == 1 else torch.cat([x[:, :, :1], self.time_conv(x)], dim=2)


class Up(nn.Module):
    """Doubles height and width, and with time also the frames after the first."""

    name = ""

    def __init__(self, dim: int, out: int, time: bool, device: Device = None):
        super().__init__()
        self.resample = nn.Sequential(nn.Identity(), nn.Conv2d(dim, out, 3, padding=1, device=device))
        self.time_conv = nn.Conv3d(dim, dim * 2, (3, 1, 1), device=device) if time else None

    def forward(self, x: Tensor, tails: Tails) -> Tensor:
        if self.time_conv is not None:
            begun = self.name + ".begun" in tails
            tails[self.name + ".begun"] = x.new_ones(1)
            first, rest = (x[:, :, :0], x) if begun else (x[:, :, :1], x[:, :, 1:])
            if rest.shape[2] > 0:
                pairs = self.time_conv(_after_tail(rest, tails, self.name)).unflatten(1, (2, -1))
                first = torch.cat([first, torch.stack(pairs.unbind(1), dim=3).flatten(2, 3)], dim=2)
            x = first
        return framewise(lambda y: self.resample(F.interpolate(y, scale_factor=2, mode="nearest")), x)


class DownLevel(nn.Module):
    """A level of the 2.2 encoder: residual blocks and downsampling beside an average."""

    def __init__(self, cin: int, cout: int, blocks: int, down: bool, time: bool, device: Device = None):
        super().__init__()
        self.cout, self.time, self.space = cout, 2 if time else 1, 2 if down else 1
        layers: list[nn.Module] = [Residual(cin if i == 0 else cout, cout, device) for i in range(blocks)]
        if down:
            layers.append(Down(cout, time, device))
        self.downsamples = nn.Sequential(*layers)

    def forward(self, x: Tensor, tails: Tails) -> Tensor:
        return through(self.downsamples, x, tails) + self._average(x)

    def _average(self, x: Tensor) -> Tensor:
        """Space and time folded into channels, groups of which are averaged."""
        t, s = self.time, self.space
        x = F.pad(x, (0, 0, 0, 0, -x.shape[2] % t, 0))
        b, c, f, h, w = x.shape
        x = x.reshape(b, c, f // t, t, h // s, s, w // s, s).permute(0, 1, 3, 5, 7, 2, 4, 6)
        return x.reshape(b, self.cout, -1, f // t, h // s, w // s).mean(2)


class UpLevel(nn.Module):
    """A level of the 2.2 decoder: residual blocks and upsampling beside a repetition."""

    name = ""

    def __init__(self, cin: int, cout: int, blocks: int, up: bool, time: bool, device: Device = None):
        super().__init__()
        self.cout, self.time, self.up = cout, 2 if time else 1, up
        layers: list[nn.Module] = [Residual(cin if i == 0 else cout, cout, device) for i in range(blocks)]
        if up:
            layers.append(Up(cout, cout, time, device))
        self.upsamples = nn.Sequential(*layers)

    def forward(self, x: Tensor, tails: Tails) -> Tensor:
        main = through(self.upsamples, x, tails)
        return main + self._repeat(x, tails) if self.up else main

    def _repeat(self, x: Tensor, tails: Tails) -> Tensor:
        """Channels unfolded into space and time; of the first frame of a stream only the last of its copies counts."""
        t = self.time
        x = x.repeat_interleave(self.cout * t * 4 // x.shape[1], dim=1)
        b, _, f, h, w = x.shape
        x = x.reshape(b, self.cout, t, 2, 2, f, h, w).permute(0, 1, 5, 2, 6, 3, 7, 4)
        x = x.reshape(b, self.cout, f * t, h * 2, w * 2)
        begun = self.name + ".begun" in tails
        tails[self.name + ".begun"] = x.new_ones(1)
        return x if begun else x[:, :, t - 1 :]


class Encoder(nn.Module):
    def __init__(self, c: VaeConfig, device: Device = None):
        super().__init__()
        dims = [c.base * m for m in (1, *c.mult)]
        last = len(c.mult) - 1
        self.conv1 = CausalConv(3 * c.patch**2, dims[0], 3, device)
        layers: list[nn.Module] = []
        for i, (cin, cout) in enumerate(zip(dims, dims[1:])):
            time = i < last and c.temporal[i]
            if c.kind == "2.2":
                layers.append(DownLevel(cin, cout, c.blocks, i < last, time, device))
                continue
            layers += [Residual(cin if n == 0 else cout, cout, device) for n in range(c.blocks)]
            if i < last:
                layers.append(Down(cout, time, device))
        self.downsamples = nn.Sequential(*layers)
        self.middle = _middle(dims[-1], device)
        self.head = nn.Sequential(RmsNorm(dims[-1], 3, device), nn.SiLU(), CausalConv(dims[-1], c.z * 2, 3, device))

    def forward(self, x: Tensor, tails: Tails) -> Tensor:
        for part in (self.conv1, self.downsamples, self.middle, self.head):
            x = through(part, x, tails)
        return x


class Decoder(nn.Module):
    def __init__(self, c: VaeConfig, device: Device = None):
        super().__init__()
        dims = [c.decoder_base * m for m in (c.mult[-1], *c.mult[::-1])]
        last, temporal = len(c.mult) - 1, c.temporal[::-1]
        self.conv1 = CausalConv(c.z, dims[0], 3, device)
        self.middle = _middle(dims[0], device)
        layers: list[nn.Module] = []
        for i, (cin, cout) in enumerate(zip(dims, dims[1:])):
            time = i < last and temporal[i]
            if c.kind == "2.2":
                layers.append(UpLevel(cin, cout, c.blocks + 1, i < last, time, device))
                continue
            cin = cin // 2 if i > 0 else cin  # the upsampling before it halved the channels
            layers += [Residual(cin if n == 0 else cout, cout, device) for n in range(c.blocks + 1)]
            if i < last:
                layers.append(Up(cout, cout // 2, time, device))
        self.upsamples = nn.Sequential(*layers)
        out = 3 * c.patch**2
        self.head = nn.Sequential(RmsNorm(dims[-1], 3, device), nn.SiLU(), CausalConv(dims[-1], out, 3, device))

    def forward(self, x: Tensor, tails: Tails) -> Tensor:
        for part in (self.conv1, self.middle, self.upsamples, self.head):
            x = through(part, x, tails)
        return x


class Vae(nn.Module):
    def __init__(self, config: VaeConfig, device: Device = None):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, device)
        self.conv1 = CausalConv(config.z * 2, config.z * 2, 1, device)
        self.conv2 = CausalConv(config.z, config.z, 1, device)
        self.decoder = Decoder(config, device)
        self._scales: tuple[Tensor, ...] | None = None
        for name, module in self.named_modules():
            if hasattr(module, "name"):
                module.name = name

    @property
    def device(self) -> torch.device:
        return self.conv2.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.conv2.weight.dtype

    def arrange(self) -> "Vae":
        """Self, its convolutions' weights with channels last, which is how tensor cores take them."""
        for p in self.parameters():
            order = {4: torch.channels_last, 5: torch.channels_last_3d}.get(p.dim())
            if order is not None:
                p.data = p.data.contiguous(memory_format=order)
        return self

    def fuse(self) -> "Vae":
        """Self, its norms compiled. Needs PyTorch 2."""
        compiled = torch.compile(normed)
        for part in self.modules():
            if isinstance(part, RmsNorm):
                part.normed = compiled
        return self

    def encode(self, x: Tensor, tails: Tails) -> Tensor:
        """Pixels [B, 3, T, H, W] in -1 to 1 as normalised latents [B, z, F, h, w]. A stream begins with 1 + n * time_stride
        frames and goes on by multiples of time_stride."""
        mean, std = self._scale()
        mu = self.conv1(self.encoder(fold(x.to(self.dtype), self.config.patch), tails), tails).chunk(2, dim=1)[0]
        return (mu.float() - mean) / std

    def decode(self, z: Tensor, tails: Tails) -> Tensor:
        """Normalised latents [B, z, F, h, w] as pixels [B, 3, T, H, W] in -1 to 1: 1 + (F-1) * time_stride frames at a
        stream's beginning, F * time_stride after."""
        mean, std = self._scale()
        x = self.decoder(self.conv2((z.float() * std + mean).to(self.dtype), tails), tails)
        return unfold(x, self.config.patch).float().clamp(-1, 1)

    def _scale(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the latents. Sent to the device once: sending waits for it."""
        if self._scales is None or self._scales[0].device != self.device:
            c = self.config
            told = (c.mean or (0.0,) * c.z, c.std or (1.0,) * c.z)
            self._scales = tuple(torch.tensor(t, device=self.device).view(1, c.z, 1, 1, 1) for t in told)
        return self._scales


def through(part: nn.Module, x: Tensor, tails: Tails) -> Tensor:
    """x through part, or through each layer of a sequence, with tails where they are wanted."""
    if isinstance(part, nn.Sequential):
        for layer in part:
            x = through(layer, x, tails)
        return x
    if isinstance(part, (RmsNorm, nn.SiLU, nn.Identity)):
        return part(x)
    return part(x, tails)


def framewise(layer, x: Tensor) -> Tensor:
    """A layer of pictures over [B, C, T, H, W]."""
    b, _, t = x.shape[:3]
    return layer(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (b, t)).transpose(1, 2)


def fold(x: Tensor, patch: int) -> Tensor:
    """[B, C, T, H, W] as [B, C * patch², T, H / patch, W / patch]; columns before rows, as the weights have it."""
    if patch == 1:
        return x
    b, c, t, h, w = x.shape
    x = x.reshape(b, c, t, h // patch, patch, w // patch, patch).permute(0, 1, 6, 4, 2, 3, 5)
    return x.reshape(b, c * patch**2, t, h // patch, w // patch)


def unfold(x: Tensor, patch: int) -> Tensor:
    if patch == 1:
        return x
    b, c, t, h, w = x.shape
    x = x.reshape(b, c // patch**2, patch, patch, t, h, w).permute(0, 1, 4, 5, 3, 6, 2)
    return x.reshape(b, c // patch**2, t, h * patch, w * patch)


def _middle(dim: int, device: Device) -> nn.Sequential:
    return nn.Sequential(Residual(dim, dim, device), FrameAttention(dim, device), Residual(dim, dim, device))


def _after_tail(x: Tensor, tails: Tails, name: str) -> Tensor:
    """x after the two frames that went before it, whose successors are kept."""
    tail = tails.get(name)
    x = torch.cat([x.new_zeros(*x.shape[:2], 2, *x.shape[3:]) if tail is None else tail, x], dim=2)
    tails[name] = x[:, :, -2:].clone()
    return x
