from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engine.v1 import engine_pb2

ROOT = Path(__file__).resolve().parents[4]


def test_the_generated_code_is_of_the_protocol_that_lies_here(tmp_path):
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", f"--python_out={tmp_path}"]
    subprocess.run([*command, "engine/v1/engine.proto"], check=True)
    fresh = (tmp_path / "engine/v1/engine_pb2.py").read_text()
    assert fresh == Path(engine_pb2.__file__).read_text(), "run make proto-engine"
