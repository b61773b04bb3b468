"""The world of the tiny model: one shape of one colour moves over a dark ground and comes in again where it left."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import torch
from torch import Tensor

SIZE = 64
SPEED = 2.0  # pixels a frame
RADIUS = 12.0
GROUND = (0.08, 0.08, 0.10)
COLOURS = {
    "red": (0.90, 0.12, 0.12),
    "green": (0.10, 0.78, 0.20),
    "blue": (0.15, 0.30, 0.95),
    "yellow": (0.95, 0.85, 0.10),
    "white": (0.95, 0.95, 0.95),
}
SHAPES = ("circle", "square", "triangle")
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
CHINESE = {
    "red": "红色",
    "green": "绿色",
    "blue": "蓝色",
    "yellow": "黄色",
    "white": "白色",
    "circle": "圆形",
    "square": "方形",
    "triangle": "三角形",
    "left": "向左",
    "right": "向右",
    "up": "向上",
    "down": "向下",
}
TEMPLATES = (
    "a {colour} {shape} moving {direction}",
    "{colour} {shape} moves {direction}",
    "a {shape} in {colour} that goes {direction}",
    "{shape}, {colour}, drifting {direction}",
)
TEMPLATES_ZH = (
    "一个{colour}的{shape}{direction}移动",
    "{colour}{shape}，{direction}移动",
    "{colour}的{shape}{direction}飘",
)


@dataclass(frozen=True)
class Scene:
    colour: str
    shape: str
    direction: str

    def prompt(self, choose: random.Random | None = None) -> str:
        """In English by the first template, or by any in either language."""
        words = {"colour": self.colour, "shape": self.shape, "direction": self.direction}
        if choose is None:
            return TEMPLATES[0].format(**words)
        if choose.random() < 0.3:
            return choose.choice(TEMPLATES_ZH).format(**{k: CHINESE[v] for k, v in words.items()})
        return choose.choice(TEMPLATES).format(**words)

    def changed(self, choose: random.Random) -> "Scene":
        """Another scene that differs in one or two things."""
        other = any_scene(choose)
        fields = choose.sample(("colour", "shape", "direction"), choose.choice((1, 1, 2)))
        return replace(self, **{f: getattr(other, f) for f in fields})


def all_scenes() -> list[Scene]:
    return [Scene(c, s, d) for c in COLOURS for s in SHAPES for d in DIRECTIONS]


def any_scene(choose: random.Random) -> Scene:
    return Scene(choose.choice(list(COLOURS)), choose.choice(SHAPES), choose.choice(list(DIRECTIONS)))


def mask(shape: str, x: Tensor, y: Tensor, radius: float = RADIUS) -> Tensor:
    """How much of each pixel a shape covers: x, y [T] its middle, [T, SIZE, SIZE] from 0 to 1."""
    at = torch.arange(SIZE) + 0.5
    dx = (at[None, None, :] - x[:, None, None] + SIZE / 2) % SIZE - SIZE / 2
    dy = (at[None, :, None] - y[:, None, None] + SIZE / 2) % SIZE - SIZE / 2
    if shape == "circle":
        distance = (dx**2 + dy**2).sqrt() - radius
    elif shape == "square":
        distance = torch.maximum(dx.abs(), dy.abs()) - radius * 0.9
    else:
        distance = torch.maximum(dy - radius * 0.75, dx.abs() * 0.87 - dy * 0.5 - radius * 0.62)
    return (0.5 - distance).clamp(0, 1)


def draw(scenes: list[Scene], x: float = SIZE / 2, y: float = SIZE / 2, radius: float = RADIUS) -> Tensor:
    """A scene a frame, each going on from where the one before it stands: [3, T, SIZE, SIZE] from -1 to 1."""
    places = []
    for scene in scenes:
        places.append((x, y))
        dx, dy = DIRECTIONS[scene.direction]
        x, y = (x + dx * SPEED) % SIZE, (y + dy * SPEED) % SIZE
    xs, ys = torch.tensor(places).unbind(1)
    covers = {s: mask(s, xs, ys, radius) for s in {scene.shape for scene in scenes}}
    cover = torch.stack([covers[scene.shape][i] for i, scene in enumerate(scenes)])
    colour = torch.tensor([COLOURS[scene.colour] for scene in scenes]).T[:, :, None, None]
    ground = torch.tensor(GROUND)[:, None, None, None]
    return (ground + (colour - ground) * cover) * 2 - 1


def seen(video: Tensor) -> Scene:
    """What a video [3, T, SIZE, SIZE] shows, by measurement: the nearest colour, the shape that covers best, the way the
    middle moves. Knows nothing of how it was made."""
    frames = (video.clamp(-1, 1) + 1) / 2
    ground = torch.tensor(GROUND)[:, None, None, None]
    cover = ((frames - ground).abs().sum(0) / 1.2).clamp(0, 1)  # [T, SIZE, SIZE]
    weight = (cover > 0.35).float() * cover
    total = weight.sum().clamp(min=1e-6)
    colour = (frames * weight).sum((1, 2, 3)) / total
    near = min(COLOURS, key=lambda c: float((torch.tensor(COLOURS[c]) - colour).pow(2).sum()))
    x, y = _middle(weight.sum(1)), _middle(weight.sum(2))
    shape = max(SHAPES, key=lambda s: _covers(cover, s, x, y))
    dx, dy = _moved(x), _moved(y)
    if abs(dx) > abs(dy):
        return Scene(near, shape, "left" if dx < 0 else "right")
    return Scene(near, shape, "up" if dy < 0 else "down")


def _middle(along: Tensor) -> Tensor:
    """The middle of weights [T, SIZE] on a ring: [T]."""
    angle = (torch.arange(SIZE) + 0.5) / SIZE * 2 * torch.pi
    return (
        torch.atan2((along * angle.sin()).sum(1), (along * angle.cos()).sum(1)) % (2 * torch.pi) / (2 * torch.pi) * SIZE
    )


def _moved(at: Tensor) -> float:
    """Pixels a frame, over the ring."""
    return float(((at[1:] - at[:-1] + SIZE / 2) % SIZE - SIZE / 2).mean()) if len(at) > 1 else 0.0


def _covers(cover: Tensor, shape: str, x: Tensor, y: Tensor) -> float:
    """The best overlap by union of a shape with what is covered, over a few offsets of its middle."""
    best = 0.0
    for offset in (-2.0, 0.0, 2.0):
        m = mask(shape, x, y + offset)
        best = max(best, float(torch.minimum(m, cover).sum() / torch.maximum(m, cover).sum().clamp(min=1e-6)))
    return best
