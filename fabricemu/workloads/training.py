"""One data-parallel training step after another: compute, and all-reduce of the gradients."""

from dataclasses import dataclass

from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.models import MODELS, gradient_buckets
from fabricemu.workloads.program import Algorithm, Collective, Program

COMPUTE, COMMUNICATION = 0, 1  # streams
BACKWARD_COST = 2  # gradients of inputs and of weights, each as dear as forward
PS_PER_S = 10**12

__all__ = ["MODELS", "Training", "training_program"]


@dataclass(frozen=True)
class Training:
    """What is trained, and on what.

    ``tflops`` is the sustained rate of a rank in FLOP/s. Its default, 60e12, and the batch of
    64 are assumed, not measured; compute times are proportional to operations.
    """

    ranks: int
    model: str = "resnet50"
    steps: int = 1
    batch: int = 64
    tflops: int = 60 * 10**12
    bucket: int = 25 << 20
    algorithm: str = "ring"
    channels: int = 1
    chunks: int = 1

    def duration_ps(self, flops: int) -> int:
        """Return the time of an operation of one sample on the whole batch."""
        return -(-flops * self.batch * PS_PER_S // self.tflops)


def training_program(what: Training) -> Program:
    """Return data-parallel training steps.

    Backward makes one bucket of gradients after the other; each is reduced on the stream of
    communication while backward goes on. A step ends, with a MARK, when all buckets are reduced.
    """
    builder = ProgramBuilder(what.ranks)
    buckets = gradient_buckets(MODELS[what.model](), what.bucket)
    algorithm = Algorithm[what.algorithm.upper().replace("-", "_")]
    group = builder.group(range(what.ranks))
    forward = what.duration_ps(sum(bucket.forward_flops for bucket in buckets))
    backward = [what.duration_ps(BACKWARD_COST * bucket.forward_flops) for bucket in buckets]
    last = [-1] * what.ranks
    for step in range(what.steps):
        rows = [
            builder.collective(
                Collective.ALL_REDUCE,
                algorithm,
                group,
                bucket.bytes,
                channels=what.channels,
                chunks=what.chunks,
            )
            for bucket in buckets
        ]
        for rank in range(what.ranks):
            last[rank] = _step(builder, rank, last[rank], forward, backward, rows, f"step {step}")
    return builder.build()


def _step(
    builder: ProgramBuilder,
    rank: int,
    after: int,
    forward: int,
    backward: list[int],
    rows: list[int],
    label: str,
) -> int:
    """Add one step of one rank; return its MARK."""
    named = builder.name
    compute = builder.calc(rank, forward, stream=COMPUTE, name=named("forward"), after=after)
    reduced = []
    for number, (duration, row) in enumerate(zip(backward, rows, strict=True)):
        compute = builder.calc(
            rank, duration, stream=COMPUTE, name=named(f"backward {number}"), after=compute
        )
        reduced.append(
            builder.coll(
                rank, row, stream=COMMUNICATION, name=named(f"bucket {number}"), after=compute
            )
        )
    mark = builder.mark(rank, label)
    builder.edges([compute, *reduced], mark)
    return mark
