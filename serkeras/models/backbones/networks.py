"""The networks themselves: those written here, and those of keras.applications and keras_hub."""

import keras

from serkeras.models.backbones.alexnet import alexnet, alexnet_top, squeezenet, squeezenet_top
from serkeras.models.backbones.densenet import densenet, densenet_top
from serkeras.models.backbones.layers import AdaptiveAveragePooling
from serkeras.models.backbones.resnet import resnet, resnet_top

_VIT_LAYERS = 12


def network(name, input_shape, classes=None):
    """Build one network without the layers in front of it.

    Args:
        name: of a card.
        input_shape: `(height, width, 3)`.
        classes: width of the head, which gives logits; None leaves the head off.

    Returns:
        Two `keras.Model` of the same layers: the one whose weights files of its maker fit, and
        the one to be used, whose input is what stands behind all built-in scaling.
    """
    if name in _HOSTED:
        return _HOSTED[name](input_shape, classes)
    inputs = keras.Input(input_shape, name="pixels")
    features, top = _lay(name, inputs)
    model = keras.Model(inputs, top(features, classes) if classes else features, name="network")
    return model, model


def _lay(name, inputs):
    """Return the features of a network written here, and the function of its head."""
    if name == "alexnet":
        return alexnet(inputs), alexnet_top
    if name.startswith("squeezenet"):
        return squeezenet(inputs, name.removeprefix("squeezenet")), squeezenet_top
    if name.startswith("densenet"):
        return densenet(inputs, name), densenet_top
    return resnet(inputs, name), resnet_top


def _application(builder, input_shape, classes, **settings):
    """Call a function of keras.applications; with a head it gives logits."""
    return builder(
        include_top=bool(classes),
        weights=None,
        input_shape=input_shape,
        classes=classes or 1000,
        classifier_activation=None,
        **settings,
    )


def _vgg16(input_shape, classes):
    model = _application(keras.applications.VGG16, input_shape, None)
    if classes:
        # Keras's own head takes 224 x 224 only.
        x = keras.layers.Flatten(name="flatten")(AdaptiveAveragePooling(7)(model.output))
        for name in ("fc1", "fc2"):
            x = keras.layers.Dense(4096, activation="relu", name=name)(x)
        model = keras.Model(model.input, keras.layers.Dense(classes, name="predictions")(x))
    return model, model


def _mobilenet(input_shape, classes):
    model = _application(keras.applications.MobileNetV2, input_shape, classes)
    return model, model


def _convnext(input_shape, classes):
    model = _application(
        keras.applications.ConvNeXtBase, input_shape, classes, include_preprocessing=False
    )
    return model, model


def _efficientnet(input_shape, classes):
    whole = _application(keras.applications.EfficientNetB0, input_shape, classes)
    # The scaling before this layer depends on how Keras was given the weights; the front does it.
    first = whole.get_layer("stem_conv_pad")
    return whole, keras.Model(first.input, whole.output, name="network")


def _vit(input_shape, classes):
    import keras_hub  # seconds

    backbone = keras_hub.models.ViTBackbone(
        image_shape=input_shape,
        patch_size=16,
        num_layers=_VIT_LAYERS,
        num_heads=12,
        hidden_dim=768,
        mlp_dim=3072,
        name="vit_backbone",
    )
    # As one layer: keras_hub can save the backbone, but not the layers in it.
    inputs = keras.Input(input_shape, name="pixels")
    token = backbone(inputs)[:, 0]
    if not classes:
        return backbone, keras.Model(inputs, token, name="network")
    logits = keras.layers.Dense(classes, name="heads_head")(token)
    model = keras.Model(inputs, logits, name="network")
    return model, model


_HOSTED = {
    "vgg16": _vgg16,
    "mobilenet-v2": _mobilenet,
    "convnext-base": _convnext,
    "efficientnet-b0": _efficientnet,
    "vit-b16": _vit,
}
