"""JAX compiles equal programs of one process once, where it has a folder for them; the results stay the same."""

import subprocess
import sys
from pathlib import Path

from bench.run.worker_client import process_environment

SCRIPT = """
import sys
from pathlib import Path

import jax
import jax.numpy as jnp

from bench.adapters.engines.jax import create

compiled = []
jax.monitoring.register_event_listener(lambda name, **_: compiled.append(name) if name.endswith("cache_hits") else None)
engine = create()
engine.configure(device="cpu", precision="fp64", threads=1)
if len(sys.argv) > 1:
    engine.compile_once(Path(sys.argv[1]))
values = jnp.linspace(0, 1, 100)
for _ in range(2):
    print(float(jax.jit(lambda x: jnp.tanh(x @ x) + x.sum())(values)).hex())
print(len(compiled))
"""


def printed(*arguments: Path) -> list[str]:
    environment = process_environment(None, device="cpu")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_second_equal_program_is_taken_from_the_folder_and_computes_the_same(tmp_path: Path) -> None:
    *apart, none = printed()
    *once, hits = printed(tmp_path)
    assert (apart[0], apart[1]) == (once[0], once[1])
    assert (int(none), int(hits) > 0) == (0, True)
    assert any(tmp_path.iterdir())
