"""Trains Keras on several devices of TensorFlow by `tf.distribute.MirroredStrategy`, with a custom loop.

`train_on_batch` would run the whole batch on each device. So the batch is split, and `strategy.run` takes the step.
https://www.tensorflow.org/tutorials/distribute/custom_training
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, final

import numpy as np
import tensorflow as tf

from bench.adapters.base import parts
from bench.adapters.data_parallel.base import digest
from bench.adapters.engines.base import Peaks
from bench.errors import UnavailableError
from bench.workload.recipe import Recipe
from bench.workload.update_rules import Adam, Sgd


def make_devices(size: int, *, device: str) -> None:
    """Make so many logical devices of the only processor, before TensorFlow initialises it."""
    if device == "cpu":
        (processor, *_) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * size)


@final
class Replicas:
    """See `DataParallel`. From now on new variables are on every device."""

    processes = 1
    trains_in_loop = True

    def __init__(self, size: int) -> None:
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        self.names = [device.name for device in tf.config.list_logical_devices(kind)][:size]
        if len(self.names) < size:
            raise UnavailableError(f"TensorFlow has {len(self.names)} devices, expected {size}")
        self.strategy = tf.distribute.MirroredStrategy(self.names)
        self.scope = self.strategy.scope()  # it ends when nothing refers to it
        self.scope.__enter__()
        self.method = f"tf.distribute.MirroredStrategy over {size} devices, a custom loop with strategy.run"
        self.weights: Sequence[Any] = ()

    def check(self, recipe: Recipe) -> None:
        """Raise UnavailableError for what Keras does on each device, before the gradients are added up."""
        rule = recipe.optimizer
        on_each = {
            "recipe.clipping": recipe.clipping is not None,
            "recipe.accumulation": recipe.accumulation > 1,
            "recipe.optimizer.weight_decay": isinstance(rule, Sgd | Adam) and rule.weight_decay > 0,
        }
        wrong = [name for name, is_used in on_each.items() if is_used]
        if wrong:
            raise UnavailableError(
                f"{', '.join(wrong)}: on several devices of TensorFlow, Keras applies it on each device, before the "
                "gradients are added up"
            )

    def put(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        """The batch, with a part on each device."""
        split = parts((inputs, targets), len(self.names))
        return self._placed([part[0] for part in split]), self._placed([part[1] for part in split])

    def _placed(self, split: list[np.ndarray]) -> Any:  # noqa: ANN401 (a value for each replica)
        def of_replica(context: Any) -> Any:  # noqa: ANN401 (TensorFlow's own)
            number = context.replica_id_in_sync_group
            with tf.device(self.names[number]):
                return tf.constant(split[number])

        return self.strategy.experimental_distribute_values_from_function(of_replica)

    def copies(self) -> list[str]:
        """A digest of the trainable weights on each device."""
        values = [self.strategy.experimental_local_results(variable.value) for variable in self.weights]
        return [digest(value[number].numpy() for value in values) for number in range(len(self.names))]

    def peaks(self) -> list[Peaks]:
        """The peaks of `get_memory_info` of each GPU."""
        return [
            Peaks(allocated=int(tf.config.experimental.get_memory_info(f"GPU:{number}")["peak"]))
            if "GPU" in name
            else Peaks()
            for number, name in enumerate(self.names)
        ]

    def without_communication(self) -> AbstractContextManager[None]:
        """Raise UnavailableError: the optimizer exchanges gradients by itself."""
        raise UnavailableError("Keras' optimizer exchanges the gradients by itself on TensorFlow")


def create(size: int) -> Replicas:
    """The devices of this process, which train as one."""
    return Replicas(size)
