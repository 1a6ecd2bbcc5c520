"""Neural networks as lists of layers: parameters and operations, from the shapes alone."""

from typing import NamedTuple

DTYPE_BYTES = 4  # float32 gradients

# DistributedDataParallel: the first bucket is closed at 1 MiB, the others at 25 MiB
# (Li et al., "PyTorch Distributed", VLDB 2020, section 3.2; bucket_cap_mb of its manual).
FIRST_BUCKET_BYTES = 1 << 20


class Layer(NamedTuple):
    """One parametrised layer; parameters in the order in which they are defined."""

    name: str
    parameters: tuple[int, ...]  # elements of each tensor
    forward_flops: int  # of one sample, a multiply-add counted as 2


class Bucket(NamedTuple):
    """Gradients that are reduced together, in the order in which backward makes them."""

    bytes: int
    forward_flops: int  # of the layers whose gradients it holds


def _convolution(name: str, inputs: int, outputs: int, kernel: int, size: int) -> list[Layer]:
    """Return a convolution to ``size`` x ``size`` pixels and its batch normalisation."""
    weights = inputs * outputs * kernel * kernel
    return [
        Layer(f"{name}.conv", (weights,), 2 * weights * size * size),
        Layer(f"{name}.bn", (outputs, outputs), 4 * outputs * size * size),
    ]


def resnet50() -> list[Layer]:
    """Return the layers of ResNet-50 for 224 x 224 images and 1,000 classes.

    He et al., "Deep Residual Learning", CVPR 2016, table 1, with the stride in the 3 x 3
    convolution. 25,557,032 parameters.
    """
    layers = _convolution("stem", 3, 64, 7, 112)
    inputs, size = 64, 56
    for stage, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
        for block in range(blocks):
            name = f"stage{stage}.block{block}"
            strided = stage > 0 and block == 0
            before, size = size, size // 2 if strided else size
            layers += _convolution(f"{name}.1", inputs, width, 1, before)
            layers += _convolution(f"{name}.2", width, width, 3, size)
            layers += _convolution(f"{name}.3", width, 4 * width, 1, size)
            if block == 0:
                layers += _convolution(f"{name}.shortcut", inputs, 4 * width, 1, size)
            inputs = 4 * width
    return [*layers, Layer("fc", (inputs * 1000, 1000), 2 * inputs * 1000)]


MODELS = {"resnet50": resnet50}


def parameter_count(layers: list[Layer]) -> int:
    """Return the number of parameters."""
    return sum(sum(layer.parameters) for layer in layers)


def gradient_buckets(layers: list[Layer], cap_bytes: int) -> list[Bucket]:
    """Return the buckets in which backward hands its gradients to the all-reduce.

    Tensors are taken in reverse order of definition; a bucket is closed by the tensor that
    brings it to its cap. A layer's operations count for the bucket of its weights.
    """
    buckets: list[Bucket] = []
    size = flops = 0
    for layer in reversed(layers):
        for tensor in reversed(range(len(layer.parameters))):
            size += layer.parameters[tensor] * DTYPE_BYTES
            flops += layer.forward_flops if tensor == 0 else 0
            if size >= (cap_bytes if buckets else min(FIRST_BUCKET_BYTES, cap_bytes)):
                buckets.append(Bucket(size, flops))
                size = flops = 0
    return [*buckets, Bucket(size, flops)] if size else buckets
