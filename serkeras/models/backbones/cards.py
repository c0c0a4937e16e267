"""What is known of each backbone: source, licence, sizes, counts, blocks, files of weights."""

from dataclasses import dataclass

_TORCHVISION = "https://download.pytorch.org/models/"
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
_SAME_SOURCE = "serkeras, in torchvision's layout"
_BSD = (
    "BSD-3-Clause as torchvision's code; torchvision says that weights may fall under the terms "
    "of the data they were trained on (ImageNet: non-commercial research)"
)


@dataclass(frozen=True)
class WeightFile:
    """A published file of weights.

    Attributes:
        name: file name, as its publisher calls it.
        url: where it is published.
        algorithm: "md5" or "sha256"; None where no hash is published.
        digest: hexadecimal digits; torchvision publishes the first eight, in the name.
    """

    name: str
    url: str
    algorithm: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Card:
    """What is known of one backbone.

    Attributes:
        name: as `build` takes it.
        implementation: where the layers come from.
        paper: source of the architecture.
        weights_licence: licence of the published weights.
        default_size: pixels of a side at which the weights were trained.
        smallest_size: fewest pixels of a side that leave a feature map.
        divisor: both sides must be divisible by it.
        parameters: published number with the head of 1,000 classes. Running statistics of
            batch normalisation do not count.
        parameters_without_top: the same of the backbone alone.
        channels: of the features.
        scaling: convention of the weights that "imagenet" means, see `front.py`.
        blocks: for block-wise unfreezing, last block last; each a tuple of regular expressions
            that the name of a layer must match up to its end or to the next "_".
        files: published weights, `(with top, without top)`.
        has_torch_files: whether state dicts of torchvision load too.
    """

    name: str
    implementation: str
    paper: str
    weights_licence: str
    default_size: int
    smallest_size: int
    divisor: int
    parameters: int
    parameters_without_top: int
    channels: int
    scaling: str
    blocks: tuple
    files: tuple
    has_torch_files: bool = True


def _torch_file(name):
    file = WeightFile(name, _TORCHVISION + name, "sha256", name.rsplit("-", 1)[1].split(".")[0])
    return file, file


def _keras_files(folder, top, without_top, algorithm=None, digests=(None, None)):
    return tuple(
        WeightFile(name, folder + name, algorithm, digest)
        for name, digest in zip((top, without_top), digests, strict=True)
    )


def _densenet(depth, smallest, parameters, without_top, channels, files, licence):
    stages = [(f"features_denseblock{i}", f"features_transition{i}") for i in (1, 2, 3)]
    return Card(
        name=f"densenet{depth}",
        implementation=_SAME_SOURCE,
        paper="Huang et al. 2017, Densely Connected Convolutional Networks, arXiv:1608.06993",
        weights_licence=licence,
        default_size=224,
        smallest_size=smallest,
        divisor=1,
        parameters=parameters,
        parameters_without_top=without_top,
        channels=channels,
        scaling="torch",
        blocks=(
            ("features_conv0", "features_norm0"),
            *stages,
            ("features_denseblock4", "features_norm5"),
        ),
        files=files,
    )


def _keras_densenet(depth, digests):
    stem = f"densenet{depth}_weights_tf_dim_ordering_tf_kernels"
    return _keras_files(_KERAS + "densenet/", f"{stem}.h5", f"{stem}_notop.h5", "md5", digests)


def _resnet(depth, parameters, without_top, channels, file):
    return Card(
        name=f"resnet{depth}",
        implementation=_SAME_SOURCE,
        paper="He et al. 2016, Deep Residual Learning for Image Recognition, arXiv:1512.03385",
        weights_licence=_BSD,
        default_size=224,
        smallest_size=1,
        divisor=1,
        parameters=parameters,
        parameters_without_top=without_top,
        channels=channels,
        scaling="torch",
        blocks=(("conv1", "bn1"), *((f"layer{i}",) for i in (1, 2, 3, 4))),
        files=_torch_file(file),
    )


def _squeezenet(version, smallest, parameters, without_top, fires, file):
    return Card(
        name=f"squeezenet{version}",
        implementation=_SAME_SOURCE,
        paper="Iandola et al. 2016, SqueezeNet, arXiv:1602.07360",
        weights_licence=_BSD,
        default_size=224,
        smallest_size=smallest,
        divisor=1,
        parameters=parameters,
        parameters_without_top=without_top,
        channels=512,
        scaling="torch",
        blocks=tuple((f"features_{index}",) for index in (0, *fires)),
        files=_torch_file(file),
    )


_VGG16 = Card(
    name="vgg16",
    implementation="keras.applications",
    paper="Simonyan and Zisserman 2015, Very Deep Convolutional Networks, arXiv:1409.1556",
    weights_licence="CC BY 4.0 (Visual Geometry Group, Oxford)",
    default_size=224,
    smallest_size=32,
    divisor=1,
    parameters=138_357_544,
    parameters_without_top=14_714_688,
    channels=512,
    scaling="caffe",
    blocks=tuple((f"block{i}",) for i in range(1, 6)),
    files=_keras_files(
        _KERAS + "vgg16/",
        "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5",
        ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    ),
)
_ALEXNET = Card(
    name="alexnet",
    implementation=_SAME_SOURCE,
    paper="Krizhevsky 2014, One weird trick for parallelizing CNNs, arXiv:1404.5997",
    weights_licence=_BSD,
    default_size=224,
    smallest_size=63,
    divisor=1,
    parameters=61_100_840,
    parameters_without_top=2_469_696,
    channels=256,
    scaling="torch",
    blocks=tuple((f"features_{index}",) for index in (0, 3, 6, 8, 10)),
    files=_torch_file("alexnet-owt-7be5be79.pth"),
)
_VIT = Card(
    name="vit-b16",
    implementation="keras_hub.models.ViTBackbone",
    paper="Dosovitskiy et al. 2021, An Image is Worth 16x16 Words, arXiv:2010.11929",
    weights_licence=_BSD,
    default_size=224,
    smallest_size=16,
    divisor=16,
    parameters=86_567_656,
    parameters_without_top=85_798_656,
    channels=768,
    scaling="torch",
    blocks=(
        ("vit_patching_and_embedding",),
        *((f"transformer_block_{i}",) for i in range(1, 12)),
        ("transformer_block_12", "ln"),
    ),
    files=_torch_file("vit_b_16-c867db91.pth"),
)
_CONVNEXT = Card(
    name="convnext-base",
    implementation="keras.applications",
    paper="Liu et al. 2022, A ConvNet for the 2020s, arXiv:2201.03545",
    weights_licence="MIT for the weights' source; ImageNet: non-commercial research",
    default_size=224,
    smallest_size=32,
    divisor=1,
    parameters=88_591_464,
    parameters_without_top=87_566_464,
    channels=1024,
    scaling="torch",
    blocks=(
        ("convnext_base_stem",),
        ("convnext_base_stage_0",),
        ("convnext_base_downsampling_block_0", "convnext_base_stage_1"),
        ("convnext_base_downsampling_block_1", "convnext_base_stage_2"),
        ("convnext_base_downsampling_block_2", "convnext_base_stage_3", "layer_normalization"),
    ),
    files=_keras_files(
        _KERAS + "convnext/",
        "convnext_base.h5",
        "convnext_base_notop.h5",
        "sha256",
        (
            "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
            "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
        ),
    ),
    has_torch_files=False,
)
_MOBILENET = Card(
    name="mobilenet-v2",
    implementation="keras.applications",
    paper="Sandler et al. 2018, MobileNetV2, arXiv:1801.04381",
    weights_licence="Apache-2.0",
    default_size=224,
    smallest_size=32,
    divisor=1,
    parameters=3_504_872,
    parameters_without_top=2_223_872,
    channels=1280,
    scaling="symmetric",
    blocks=(
        ("Conv1", "bn_Conv1", "expanded_conv"),
        ("block_[12]",),
        ("block_[345]",),
        ("block_[6-9]",),
        ("block_1[012]",),
        ("block_1[345]",),
        ("block_16", "Conv_1"),
    ),
    files=_keras_files(
        _KERAS + "mobilenet_v2/",
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    ),
    has_torch_files=False,
)
_EFFICIENTNET = Card(
    name="efficientnet-b0",
    implementation="keras.applications",
    paper="Tan and Le 2019, EfficientNet, arXiv:1905.11946",
    weights_licence="Apache-2.0",
    default_size=224,
    smallest_size=32,
    divisor=1,
    parameters=5_288_548,
    parameters_without_top=4_007_548,
    channels=1280,
    scaling="torch",
    blocks=(("stem",), *((f"block{i}[a-z]",) for i in range(1, 7)), ("block7[a-z]", "top")),
    files=_keras_files(
        "https://storage.googleapis.com/keras-applications/",
        "efficientnetb0.h5",
        "efficientnetb0_notop.h5",
        "md5",
        ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    ),
    has_torch_files=False,
)

_ALL = (
    _VGG16,
    _ALEXNET,
    _VIT,
    _CONVNEXT,
    _MOBILENET,
    _EFFICIENTNET,
    _resnet(18, 11_689_512, 11_176_512, 512, "resnet18-f37072fd.pth"),
    _resnet(50, 25_557_032, 23_508_032, 2048, "resnet50-0676ba61.pth"),
    _squeezenet(
        "1.0", 21, 1_248_424, 735_424, (3, 4, 5, 7, 8, 9, 10, 12), "squeezenet1_0-b66bff10.pth"
    ),
    _squeezenet(
        "1.1", 17, 1_235_496, 722_496, (3, 4, 6, 7, 9, 10, 11, 12), "squeezenet1_1-b8a52dc0.pth"
    ),
    _densenet(
        121,
        29,
        7_978_856,
        6_953_856,
        1024,
        _keras_densenet(
            121, ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738")
        ),
        "BSD-3-Clause; ImageNet: non-commercial research",
    ),
    _densenet(161, 29, 28_681_000, 26_472_000, 2208, _torch_file("densenet161-8d451a50.pth"), _BSD),
    _densenet(
        201,
        29,
        20_013_928,
        18_092_928,
        1920,
        _keras_densenet(
            201, ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1")
        ),
        "BSD-3-Clause; ImageNet: non-commercial research",
    ),
)
CARDS = {card.name: card for card in sorted(_ALL, key=lambda card: card.name)}
