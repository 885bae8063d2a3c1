"""Drives TensorFlow, for Keras."""

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, final

import tensorflow as tf

from bench.adapters.engines.base import Calls, Compiled, Engine, Peaks, Step, resolved
from bench.workload.axes import Scenario


def create() -> Engine:
    """The engine of this process."""
    return TensorFlowEngine()


@final
class TensorFlowEngine:
    """See `Engine`."""

    device, precision = "cpu", ""
    loops_in_python = False

    def __init__(self) -> None:
        self.tracing_s = 0.0
        self.calls: dict[Scenario, Calls] = {"training": Calls(), "inference": Calls()}

    def configure(self, *, device: str, precision: str, threads: int) -> None:
        """Set threads and device; memory grows as needed, TF32 is on or off."""
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        for gpu in tf.config.list_physical_devices("GPU") if device != "cpu" else ():
            tf.config.experimental.set_memory_growth(gpu, True)  # noqa: FBT003 (its only form)
        is_tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
        self.device, self.precision = device, resolved(precision, device=device, allows_tf32=is_tf32)

    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """No options: those of TensorFlow have to be set before it is imported."""
        return {}

    def choose(self, tuning: Mapping[str, str]) -> None:
        """Do nothing: there are no options."""

    def compile_once(self, folder: Path) -> None:
        """Do nothing: most of its time goes into tracing, which a folder of programs cannot save."""

    def wait(self, values: object) -> None:  # noqa: ARG002 (a device computes in order)
        """Return when the device has finished all its work; on a CPU each call has already finished."""
        if self.device != "cpu":
            tf.test.experimental.sync_devices()

    def stateless(self, step: Step) -> Step | None:  # noqa: ARG002 (the protocol)
        """None: variables are changed in place."""
        return None

    def traced(self, function: Step, scenario: Scenario) -> Step:
        """The function, with its calls and their time counted: a `tf.function` calls it only while it makes a graph."""
        calls = self.calls[scenario]

        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator] # as Keras does with its steps
        @wraps(function)
        def counted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (a step's own)
            if not tf.inside_function():
                calls.direct += 1
                return function(*arguments, **options)
            calls.traced += 1
            started_s = _now_s()
            try:
                return function(*arguments, **options)
            finally:
                self.tracing_s += _now_s() - started_s

        return counted

    def uncompiled(self, scenario: Scenario) -> str | None:
        """Not compiled if the Python code was called outside of a graph."""
        eagerly = tf.config.functions_run_eagerly()
        return self.calls[scenario].uncompiled("tf.config.run_functions_eagerly" if eagerly else "")

    def compiled(self) -> Compiled:
        """The time of tracing; TensorFlow does not report how long it compiles."""
        return Compiled(round(self.tracing_s * 1e9), None)

    def product(self, size: int, precision: str) -> Callable[[], tf.Tensor]:
        """A matrix multiplication by `tf.matmul`."""
        dtype = tf.bfloat16 if precision == "bf16" else tf.float32
        left, right = (tf.cast(tf.random.normal((size, size)), dtype) for _ in range(2))
        return lambda: tf.matmul(left, right)

    def stream(self, elements: int) -> Callable[[], tf.Tensor]:
        """An addition of a constant, into a new array."""
        values = tf.zeros(elements)
        return lambda: values + 1

    def reading(self, elements: int) -> Callable[[], tf.Tensor]:
        """A sum by `tf.reduce_sum`."""
        values = tf.zeros(elements)
        return lambda: tf.reduce_sum(values)

    def peak_memory_bytes(self) -> Peaks:
        """The peak of `get_memory_info`; TensorFlow does not report what is reserved, and nothing on a CPU."""
        if self.device == "cpu":
            return Peaks()
        return Peaks(allocated=int(tf.config.experimental.get_memory_info("GPU:0")["peak"]))

    def account(self, call: Callable[[], object]) -> dict[str, int]:  # noqa: ARG002 (the protocol)
        """Empty: TensorFlow reports how much memory is in use, but not for what."""
        return {}

    def devices(self) -> list[str]:
        """The CPU, and the GPUs that TensorFlow finds."""
        details = tf.config.experimental.get_device_details
        names = [details(gpu).get("device_name", "GPU") for gpu in tf.config.list_physical_devices("GPU")]
        return ["cpu", *(f"cuda:{number} {name}" for number, name in enumerate(names))]

    def versions(self) -> dict[str, str]:
        """The version of TensorFlow."""
        return {"tensorflow": tf.__version__}


def _now_s() -> float:
    """The time of this call; without `init_scope` it would become part of the graph that is being made."""
    with tf.init_scope():
        return float(tf.timestamp())
