"""ResNet-18 and -50 in torchvision's layout; layers have its state dicts' names.

keras.applications' ResNet50 is another network: it halves in the first 1x1 convolution of a
block instead of the 3x3 one and its convolutions have biases (25,583,592 parameters that learn,
for 25,557,032), so torchvision's weights do not fit it nor its weights this one.
"""

from keras import layers

from serkeras.models.parts import batch_norm

# Blocks of each layer, whether blocks are bottlenecks.
_SHAPES = {"resnet18": ((2, 2, 2, 2), False), "resnet50": ((3, 4, 6, 3), True)}


def resnet(x, name):
    """Lay a ResNet up to its last block.

    Args:
        x: Keras tensor `(clips, height, width, 3)`.
        name: "resnet18" or "resnet50".

    Returns:
        Keras tensor `(clips, rows, columns, 512 or 2048)`, a 32nd of the input's sides, rounded
        up.
    """
    counts, bottleneck = _SHAPES[name]
    x = layers.ReLU(name="relu")(_conv_norm(x, 64, 7, 2, "conv1", "bn1"))
    # After a ReLU a border of zeros changes no maximum.
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for stage, count in enumerate(counts):
        for index in range(count):
            stride = 2 if stage > 0 and index == 0 else 1
            x = _block(x, 64 * 2**stage, stride, bottleneck, f"layer{stage + 1}_{index}")
    return x


def resnet_top(x, classes):
    """Lay ResNet's classifier; returns logits."""
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(classes, name="fc")(x)


def _block(x, filters, stride, bottleneck, name):
    wide = 4 * filters if bottleneck else filters
    if bottleneck:
        shapes = ((filters, 1, 1), (filters, 3, stride), (wide, 1, 1))
    else:
        shapes = ((filters, 3, stride), (filters, 3, 1))
    new = x
    for index, (width, kernel, step) in enumerate(shapes, start=1):
        new = _conv_norm(new, width, kernel, step, f"{name}_conv{index}", f"{name}_bn{index}")
        if index < len(shapes):
            new = layers.ReLU(name=f"{name}_relu{index}")(new)
    if stride > 1 or x.shape[-1] != wide:
        x = _conv_norm(x, wide, 1, stride, f"{name}_downsample_0", f"{name}_downsample_1")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_sum")([new, x]))


def _conv_norm(x, filters, kernel, stride, conv_name, norm_name):
    if kernel > 1:
        # torch pads both sides alike; "same" with a stride would pad the far side only.
        x = layers.ZeroPadding2D(kernel // 2)(x)
    x = layers.Conv2D(filters, kernel, stride, use_bias=False, name=conv_name)(x)
    return batch_norm(norm_name)(x)
