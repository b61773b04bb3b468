"""Reads weights: safetensors, sharded or not, and PyTorch's .pth, in the native, Diffusers and causal layouts.

Nothing in a file is run: a .pth is read by an unpickler that knows tensors and nothing else. A file that does not hold
exactly the model is refused, with the name of every tensor that is missing, too much or of a wrong shape.
"""

from __future__ import annotations

import collections
import json
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any, Callable, Iterator

import torch
from torch import Tensor, nn

_listed = 12  # names of a kind that an error shows; it counts all


class BadWeights(RuntimeError):
    """Weights that are missing, broken, or of another model."""


class Tensors:
    """Tensors by name, read when asked for."""

    def __init__(self, where: str):
        self.where = where
        self._read: dict[str, Callable[[], Tensor]] = {}
        self._shape: dict[str, tuple[int, ...]] = {}

    def add(self, name: str, shape: tuple[int, ...], read: Callable[[], Tensor]) -> None:
        if name in self._read:
            raise BadWeights(f"{self.where}: tensor {name} is there twice")
        self._read[name], self._shape[name] = read, shape

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shape[name]

    def read(self, name: str) -> Tensor:
        try:
            return self._read[name]()
        except (
            OSError,
            RuntimeError,
            ValueError,
            KeyError,
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
        ) as err:
            raise BadWeights(f"{self.where}: tensor {name}: {err}") from err

    def renamed(self, rename: Callable[[str], str | None]) -> "Tensors":
        """Under other names; None: left out."""
        out = Tensors(self.where)
        for name in self:
            if (new := rename(name)) is not None:
                out.add(new, self._shape[name], self._read[name])
        return out


def open_any(path: Path) -> Tensors:
    """The tensors of a file, or of the one set of weights a folder holds: by its index where it has one."""
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise BadWeights(f"{path.name}: no such file")
    if path.name.endswith(".index.json"):
        return _open_index(path)
    if path.suffix == ".safetensors":
        return _open_safetensors([path], path.name)
    if path.suffix in (".pth", ".pt", ".ckpt", ".bin"):
        return _open_pickle(path)
    raise BadWeights(f"{path.name}: neither .safetensors nor .pth")


def fill(
    module: nn.Module,
    tensors: Tensors,
    device: torch.device | str,
    dtype: torch.dtype | None = None,
    wanted: Callable[[str], bool] = lambda name: True,
) -> None:
    """Gives a module made on "meta" its weights, which must be exactly its own. What is not wanted is checked and not read:
    it stays on "meta"."""
    own = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    names = set(tensors)
    faults = []
    for what, which in (
        ("missing", sorted(set(own) - names)),
        ("too much", sorted(names - set(own))),
        (
            "wrong shape",
            [
                f"{n} {list(tensors.shape(n))} for {list(s)}"
                for n, s in own.items()
                if n in names and tensors.shape(n) != s
            ],
        ),
    ):
        if which:
            rest = f" and {len(which) - _listed} more" if len(which) > _listed else ""
            faults.append(f"{len(which)} {what}: {', '.join(which[:_listed])}{rest}")
    if faults:
        raise BadWeights(f"{tensors.where}: not this model: " + "; ".join(faults))
    for prefix, part in module.named_modules():
        for name, old in list(part._parameters.items()):
            full = f"{prefix}.{name}" if prefix else name
            if old is not None and wanted(full):
                value = tensors.read(full)
                if not value.is_floating_point():
                    raise BadWeights(
                        f"{tensors.where}: tensor {full} holds no floating point numbers but {value.dtype}"
                    )
                part._parameters[name] = nn.Parameter(value.to(device, dtype or value.dtype), requires_grad=False)


def _open_folder(path: Path) -> Tensors:
    found = sorted(path.glob("*.index.json")) or sorted(path.glob("*.safetensors")) or sorted(path.glob("*.pth"))
    if not found:
        raise BadWeights(f"{path.name}: no weights there")
    if len(found) > 1:
        raise BadWeights(f"{path.name}: which of {', '.join(f.name for f in found)}?")
    return open_any(found[0])


def _open_index(path: Path) -> Tensors:
    try:
        where = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        files = sorted({str(file) for file in where.values()})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as err:
        raise BadWeights(f"{path.name}: no index of weights: {err}") from err
    if outside := [f for f in files if Path(f).name != f]:
        raise BadWeights(f"{path.name}: names files elsewhere: {', '.join(outside)}")
    if absent := [f for f in files if not (path.parent / f).is_file()]:
        raise BadWeights(f"{path.name}: missing files: {', '.join(absent)}")
    tensors = _open_safetensors([path.parent / f for f in files], path.name)
    if lost := sorted(set(where) - set(tensors)):
        raise BadWeights(f"{path.name}: named there and in no file: {', '.join(lost[:_listed])}")
    return tensors


def _open_safetensors(files: list[Path], where: str) -> Tensors:
    from safetensors import SafetensorError, safe_open

    out = Tensors(where)
    for file in files:
        try:
            handle = safe_open(str(file), framework="pt")
            for name in handle.keys():
                shape = tuple(handle.get_slice(name).get_shape())
                out.add(name, shape, lambda handle=handle, name=name: handle.get_tensor(name))
        except (SafetensorError, OSError) as err:
            raise BadWeights(f"{file.name}: {err}") from err
    return out


def _open_pickle(path: Path) -> Tensors:
    """PyTorch's zip format. Dicts may lie in each other: the names of a nest are joined by dots."""
    try:
        archive = zipfile.ZipFile(path)
        listing = [n for n in archive.namelist() if n.endswith("/data.pkl")]
        if len(listing) != 1:
            raise BadWeights(f"{path.name}: not PyTorch's zip format")
        root = listing[0][: -len("data.pkl")]
        with archive.open(listing[0]) as stream:
            told = _Unpickler(stream, archive, root).load()
    except BadWeights as err:
        raise BadWeights(f"{path.name}: {err}") from err
    except (OSError, zipfile.BadZipFile, pickle.UnpicklingError, EOFError, ValueError, TypeError) as err:
        raise BadWeights(f"{path.name}: {err}") from err
    except Exception as err:  # a hostile pickle can make the unpickler stumble in any way
        raise BadWeights(f"{path.name}: broken: {err}") from err
    out = Tensors(path.name)
    _flatten(told, "", out)
    return out


def _flatten(told: Any, prefix: str, out: Tensors) -> None:
    if isinstance(told, _Stored):
        out.add(prefix, told.shape, told.read)
    elif isinstance(told, dict):
        for key, value in told.items():
            _flatten(value, f"{prefix}.{key}" if prefix else str(key), out)


_types = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
}


class _Stored:
    """A tensor that a pickle speaks of."""

    def __init__(self, storage: tuple, offset: int, shape: tuple, stride: tuple, *_: object):
        self.storage, self.offset, self.shape, self.stride = storage, int(offset), tuple(shape), tuple(stride)

    def read(self) -> Tensor:
        archive, name, dtype, count = self.storage
        need = self.offset + 1 + sum((n - 1) * s for n, s in zip(self.shape, self.stride)) if 0 not in self.shape else 0
        size = torch.empty((), dtype=dtype).element_size()
        if need > count or min((0, self.offset, *self.shape, *self.stride)) < 0:
            raise ValueError("lies outside its storage")
        if archive.getinfo(name).file_size != count * size:
            raise ValueError(f"{archive.getinfo(name).file_size} bytes where {count * size} are due")
        flat = torch.frombuffer(bytearray(archive.read(name)), dtype=dtype) if count else torch.empty(0, dtype=dtype)
        return flat.as_strided(self.shape, self.stride, self.offset).clone()


class _Unpickler(pickle.Unpickler):
    """Knows tensors, parameters and ordered dicts; everything else is refused by its name."""

    def __init__(self, stream: Any, archive: zipfile.ZipFile, root: str):
        super().__init__(stream)
        self.archive, self.root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) in (("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor")):
            return _Stored
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda stored, *_: stored
        if module == "torch" and name in _types:
            return _types[name]
        raise BadWeights(f"holds {module}.{name}: only tensors are read")

    def persistent_load(self, pid: Any) -> Any:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not str(key).isalnum():
            raise BadWeights(f"storage {pid!r} is none")
        return self.archive, f"{self.root}data/{key}", dtype, int(count)
