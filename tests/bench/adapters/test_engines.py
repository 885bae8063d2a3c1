"""What engines count, where a test cannot do it in its own process."""

import os
import subprocess
import sys

ANEW = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}  # what an earlier test has compiled would be found on disk

COMPILED = """
import torch
from bench.adapters.engines.torch import create

engine = create()
engine.configure(device="cpu", precision="fp32", threads=1)
model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh())
before = engine.compiled()
torch.compile(model)(torch.ones(2, 4)).sum().backward()
after = engine.compiled()
print(before.trace_ns, before.compile_ns, after.trace_ns, after.compile_ns)
"""


def test_torch_counts_what_its_compiler_takes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPILED],
        env={**os.environ, **ANEW},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    no_trace, no_compile, trace, compiling = map(int, done.stdout.split())
    assert (no_trace, no_compile) == (0, 0)
    assert trace > 0
    assert compiling > 0
