"""Pictures to H.264 in fragmented MP4: an ffmpeg child encodes, the container is written here.

Writing it here lets a fragment leave the moment its last frame is encoded, and lets fragments of two children follow each
other: an opening from the cache, and what is computed after it.
"""

from __future__ import annotations

import queue
import shutil
import struct
import subprocess
import threading
from dataclasses import dataclass

import numpy as np


class EncodeError(RuntimeError):
    pass


@dataclass(frozen=True)
class Packet:
    data: bytes  # length-prefixed NAL units
    key: bool


@dataclass(frozen=True)
class Format:
    """Of the pictures that come, and of the video that leaves."""

    width: int
    height: int
    out_width: int
    out_height: int
    rate: float  # frames a second
    codec: tuple[str, ...] = ("libx264", "-preset", "veryfast", "-tune", "zerolatency", "-crf", "20", "-threads", "2")

    def command(self, ffmpeg: str) -> list[str]:
        size = f"{self.out_width}:{self.out_height}"
        fill = f"scale={size}:force_original_aspect_ratio=increase:flags=bicubic,crop={size},setsar=1"
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{self.width}x{self.height}", "-r", f"{self.rate:g}"]
        keys = str(max(1, round(self.rate * 2)))
        video = ["-c:v", *self.codec, "-pix_fmt", "yuv420p", "-g", keys, "-bf", "0", "-fps_mode", "passthrough"]
        out = ["-f", "flv", "-flvflags", "no_duration_filesize", "-flush_packets", "1", "pipe:1"]
        return [ffmpeg, "-v", "error", "-nostdin", *source, "-i", "pipe:0", "-an", "-vf", fill, *video, *out]


class Encoder:
    """One child. FLV is what it answers in, because each frame of that says how long it is: none waits for the next."""

    def __init__(self, form: Format, timeout: float = 60.0):
        ffmpeg = shutil.which("ffmpeg")
        if ffmpeg is None:
            raise EncodeError("ffmpeg is not installed")
        self.form, self._timeout = form, timeout
        self.header = b""  # avcC
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(form.command(ffmpeg), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        self._packets: queue.Queue[Packet | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="encoded", daemon=True)
        self._reader.start()

    def encode(self, frames: np.ndarray) -> list[Packet]:
        """frames [T, height, width, 3] of bytes: a packet for each."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(np.ascontiguousarray(frames).data)
        except (BrokenPipeError, ValueError) as err:
            raise EncodeError(f"ffmpeg ended: {self._reason()}") from err
        out = []
        for _ in range(len(frames)):
            try:
                packet = self._packets.get(timeout=self._timeout)
            except queue.Empty as err:
                raise EncodeError(f"ffmpeg gave no frame for {self._timeout:g} s") from err
            if packet is None:
                raise EncodeError(f"ffmpeg ended: {self._reason()}")
            out.append(packet)
        return out

    def kill(self) -> None:
        """Has encode fail; from any thread."""
        self._child.kill()

    def close(self) -> None:
        """Ends the child, whatever it is doing."""
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
        self._child.wait()
        self._reader.join()

    def _reason(self) -> str:
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            return "still running"
        text = self._child.stderr.read() if self._child.stderr else b""
        return (
            text.decode(errors="replace").strip().splitlines()[-1] if text.strip() else f"exit {self._child.returncode}"
        )

    def _read(self) -> None:
        try:
            self._exactly(13)  # file header and the first tag's back pointer
            while True:
                head = self._exactly(11)
                body = self._exactly(int.from_bytes(head[1:4], "big"))
                self._exactly(4)
                if head[0] != 9 or len(body) < 5:  # no video
                    continue
                if body[1] == 0:
                    self.header = body[5:]
                elif body[1] == 1:
                    self._packets.put(Packet(body[5:], body[0] >> 4 == 1))
        except (EOFError, OSError, ValueError):
            self._packets.put(None)

    def _exactly(self, size: int) -> bytes:
        assert self._child.stdout is not None
        out = bytearray()
        while len(out) < size:
            part = self._child.stdout.read(size - len(out))
            if not part:
                raise EOFError
            out += part
        return bytes(out)


class Muxer:
    """One video track. A frame lasts 1000 units of a timescale of 1000 times the frame rate."""

    def __init__(self, width: int, height: int, rate: float, header: bytes):
        self.width, self.height, self.header = width, height, header
        self.timescale = max(1, round(rate * 1000))

    def beginning(self) -> bytes:
        """The initialisation segment."""
        return _box(b"ftyp", b"iso5", struct.pack(">I", 512), b"iso5iso6mp41") + _box(
            b"moov", self._mvhd(), self._trak(), _box(b"mvex", _full(b"trex", 0, 0, struct.pack(">5I", 1, 1, 0, 0, 0)))
        )

    def fragment(self, packets: list[Packet], first: int, number: int) -> bytes:
        """packets as one fragment; first counts the frames before it, number the fragments from 1."""
        samples = b"".join(struct.pack(">3I", 1000, len(p.data), 0x02000000 if p.key else 0x01010000) for p in packets)
        tfhd = _full(b"tfhd", 0, 0x020000, struct.pack(">I", 1))
        tfdt = _full(b"tfdt", 1, 0, struct.pack(">Q", first * 1000))

        def moof(offset: int) -> bytes:
            trun = _full(b"trun", 0, 0x000701, struct.pack(">II", len(packets), offset), samples)
            return _box(b"moof", _full(b"mfhd", 0, 0, struct.pack(">I", number)), _box(b"traf", tfhd, tfdt, trun))

        return moof(len(moof(0)) + 8) + _box(b"mdat", *(p.data for p in packets))

    def _mvhd(self) -> bytes:
        return _full(
            b"mvhd", 0, 0, struct.pack(">4I", 0, 0, self.timescale, 0), _volume(0x0100), _matrix, bytes(24), b"\0\0\0\2"
        )

    def _trak(self) -> bytes:
        size = struct.pack(">II", self.width << 16, self.height << 16)
        tkhd = _full(b"tkhd", 0, 3, struct.pack(">5I", 0, 0, 1, 0, 0), bytes(16), _matrix, size)
        mdhd = _full(b"mdhd", 0, 0, struct.pack(">4I", 0, 0, self.timescale, 0), b"\x55\xc4\0\0")
        hdlr = _full(b"hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"video\0")
        dinf = _box(b"dinf", _full(b"dref", 0, 0, struct.pack(">I", 1), _full(b"url ", 0, 1)))
        entry = (
            bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HHIIIH", self.width, self.height, 72 << 16, 72 << 16, 0, 1)
        )
        avc1 = _box(b"avc1", entry, bytes(32), struct.pack(">Hh", 24, -1), _box(b"avcC", self.header))
        stsd = _full(b"stsd", 0, 0, struct.pack(">I", 1), avc1)
        empty = [_full(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc")]
        stbl = _box(b"stbl", stsd, *empty, _full(b"stsz", 0, 0, bytes(8)), _full(b"stco", 0, 0, bytes(4)))
        minf = _box(b"minf", _full(b"vmhd", 0, 1, bytes(8)), dinf, stbl)
        return _box(b"trak", tkhd, _box(b"mdia", mdhd, hdlr, minf))


class Timeline:
    """Which frame is shown when: the model's rate told in another by repeating and dropping."""

    def __init__(self, model: float, rate: float):
        self._step = model / rate
        self.shown = 0  # frames given
        self.known = 0  # of the model

    def take(self, count: int) -> list[int]:
        """Of the next count frames of the model, which are shown, in order; one may be there twice."""
        out = []
        while int(self.shown * self._step + 1e-9) < self.known + count:
            out.append(int(self.shown * self._step + 1e-9) - self.known)
            self.shown += 1
        self.known += count
        return out


_matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _volume(volume: int) -> bytes:
    return struct.pack(">IH", 0x10000, volume) + bytes(10)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)
