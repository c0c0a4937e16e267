"""The numbers that describe a wav2vec 2.0, HuBERT or WavLM network, as a `config.json` has them."""

import dataclasses
from dataclasses import dataclass, field

from serkeras.config.base import Config, require

_FAMILIES = ("wav2vec2", "hubert", "wavlm")
# Fields that the files of one family alone have.
_OF_FAMILY = {
    "hubert": ("feat_proj_layer_norm", "conv_pos_batch_norm"),
    "wavlm": ("num_buckets", "max_bucket_distance"),
}
# What changes the network and is not written here, with the one value that can be read.
_ABSENT = {"add_adapter": False, "adapter_attn_dim": None}
_SHARES = (
    "hidden_dropout",
    "activation_dropout",
    "attention_dropout",
    "feat_proj_dropout",
    "layerdrop",
    "mask_time_prob",
    "mask_feature_prob",
)
_COUNTS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "num_conv_pos_embeddings",
    "num_conv_pos_embedding_groups",
    "mask_time_length",
    "mask_feature_length",
)


@dataclass(frozen=True)
class SSLConfig(Config):
    """One network; the fields are named as in a `config.json` of Hugging Face transformers.

    Args:
        model_type: "wav2vec2", "hubert" or "wavlm".
        hidden_size: width of a frame in the encoder.
        num_hidden_layers: blocks of the encoder.
        num_attention_heads: heads of each; they divide `hidden_size`.
        intermediate_size: width of the feed-forward part.
        hidden_act: of the feed-forward part: "gelu".
        hidden_dropout, activation_dropout, attention_dropout, feat_proj_dropout: shares dropped
            in training: results, feed-forward values, attention weights, projected features.
        layerdrop: probability, in training, that a block is left out for the whole batch.
        layer_norm_eps: added to the variance by the norms of projection and encoder.
        feat_extract_norm: "group" (after the first convolution) or "layer" (after each).
        feat_extract_activation: of the convolutions: "gelu".
        feat_proj_layer_norm: whether features are normalised before projection (HuBERT).
        conv_dim, conv_kernel, conv_stride: channels, kernel and step of each convolution.
        conv_bias: whether the convolutions have a bias.
        num_conv_pos_embeddings: frames that the positional convolution sees.
        num_conv_pos_embedding_groups: groups of that convolution; they divide `hidden_size`.
        conv_pos_batch_norm: of HuBERT; must be false.
        do_stable_layer_norm: norm before attention and feed-forward instead of after.
        apply_spec_augment: whether training masks spans of time and features.
        mask_time_prob, mask_time_length, mask_time_min_masks: share of the frames that spans
            would cover if they never met, frames of a span, least number of spans.
        mask_feature_prob, mask_feature_length, mask_feature_min_masks: the same of features.
        num_buckets, max_bucket_distance: kinds of distances between frames and the distance
            from which on all are of one kind (WavLM).
        other: all else that a `config.json` says; it is kept for writing.

    Raises:
        ValueError: a value is out of range, or asks for what is not written here.
    """

    model_type: str = "wav2vec2"
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout: float = 0.1
    activation_dropout: float = 0.1
    attention_dropout: float = 0.1
    feat_proj_dropout: float = 0.0
    layerdrop: float = 0.1
    layer_norm_eps: float = 1e-5
    feat_extract_norm: str = "group"
    feat_extract_activation: str = "gelu"
    feat_proj_layer_norm: bool = True
    conv_dim: tuple[int, ...] = (512,) * 7
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    num_conv_pos_embeddings: int = 128
    num_conv_pos_embedding_groups: int = 16
    conv_pos_batch_norm: bool = False
    do_stable_layer_norm: bool = False
    apply_spec_augment: bool = True
    mask_time_prob: float = 0.05
    mask_time_length: int = 10
    mask_time_min_masks: int = 2
    mask_feature_prob: float = 0.0
    mask_feature_length: int = 10
    mask_feature_min_masks: int = 0
    num_buckets: int = 320
    max_bucket_distance: int = 800
    other: dict = field(default_factory=dict)

    def __post_init__(self):
        require(self, {"model_type": (self.model_type in _FAMILIES, f"one of {_FAMILIES}")})
        require(self, self._architecture_rules())
        require(self, self._number_rules())
        for name, only in _ABSENT.items():
            if self.other.get(name, only) != only:
                raise ValueError(
                    f"`{name}` of a network must be {only}: adapters are not written here. "
                    f"Received: {self.other[name]!r}. Take a network without them."
                )

    def _architecture_rules(self):
        layers = len(self.conv_dim)
        same = f"lists of one length ({layers} numbers in `conv_dim`), each 1 or more"
        lists = {name: getattr(self, name) for name in ("conv_dim", "conv_kernel", "conv_stride")}
        rules = {
            name: (0 < len(each) == layers and min(each) > 0, same) for name, each in lists.items()
        }
        is_hubert = self.model_type == "hubert"
        return {
            "hidden_act": (self.hidden_act == "gelu", "'gelu', the only one written here"),
            "feat_extract_activation": (self.feat_extract_activation == "gelu", "'gelu'"),
            "feat_extract_norm": (
                self.feat_extract_norm in ("group", "layer"),
                "'group' or 'layer'",
            ),
            "conv_pos_batch_norm": (
                not self.conv_pos_batch_norm,
                "false: batch norm before the positional convolution is not written here",
            ),
            "feat_proj_layer_norm": (
                self.feat_proj_layer_norm or is_hubert,
                "true for all but 'hubert'",
            ),
            **rules,
        }

    def _number_rules(self):
        rules = {name: (getattr(self, name) > 0, "1 or more") for name in _COUNTS}
        rules |= {name: (0 <= getattr(self, name) <= 1, "from 0 to 1") for name in _SHARES}
        for name in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            count = getattr(self, name)
            divides = count > 0 and self.hidden_size % count == 0
            rules[name] = (divides, f"a divisor of `hidden_size` ({self.hidden_size})")
        return rules | {
            "layer_norm_eps": (self.layer_norm_eps > 0, "more than 0"),
            "mask_time_min_masks": (self.mask_time_min_masks >= 0, "0 or more"),
            "mask_feature_min_masks": (self.mask_feature_min_masks >= 0, "0 or more"),
            "num_buckets": (self.num_buckets >= 4, "4 or more"),
            "max_bucket_distance": (
                self.max_bucket_distance > self.num_buckets // 4,
                f"more than a quarter of `num_buckets` ({self.num_buckets})",
            ),
        }

    @property
    def has_mask_embedding(self):
        """Whether the network has a vector for masked frames, by transformers' rule."""
        return self.mask_time_prob > 0 or self.mask_feature_prob > 0

    @classmethod
    def from_dict(cls, values):
        """Build from a `config.json`; keys unknown here are kept in `other`.

        Args:
            values: dict as `json.load` gives it.

        Returns:
            `SSLConfig`.

        Raises:
            ValueError: `model_type` is missing, or a value has the wrong type or is refused.
        """
        if "model_type" not in values:
            raise ValueError(
                f"A network's configuration must name its `model_type`, one of {_FAMILIES}. "
                f"Received: the keys {sorted(values)}. Give the `config.json` of such a network."
            )
        known = _known()
        other = {key: value for key, value in values.items() if key not in known}
        read = {key: value for key, value in values.items() if key in known}
        return super().from_dict({**read, "other": other})

    def to_dict(self):
        """Return what `from_dict` takes and a `config.json` holds, the keys kept included."""
        values = super().to_dict()
        other = values.pop("other")
        for family, names in _OF_FAMILY.items():
            for name in names if family != self.model_type else ():
                del values[name]
        return {**other, **values}

    def replace(self, **changes):
        """Return a copy with some fields changed.

        Raises:
            ValueError: a name is no field, or a value is refused.
        """
        unknown = sorted(set(changes) - _known())
        if unknown:
            raise ValueError(
                f"Only fields of SSLConfig can be replaced: {sorted(_known())}. "
                f"Received: {unknown}. Correct the spelling."
            )
        return super().replace(**changes)


def _known():
    return {each.name for each in dataclasses.fields(SSLConfig)} - {"other"}
