"""The layers of a network as its configuration describes them."""

from serkeras.ssl.attention import DistanceBias
from serkeras.ssl.convolutions import ConvolutionBlock
from serkeras.ssl.encoder import EncoderBlock
from serkeras.ssl.masking import SpanMasking


def convolutions(config, policy):
    """Return the blocks that turn a waveform into features."""
    norms = [config.feat_extract_norm] * len(config.conv_dim)
    if config.feat_extract_norm == "group":
        norms[1:] = [None] * (len(norms) - 1)
    shapes = zip(config.conv_dim, config.conv_kernel, config.conv_stride, norms, strict=True)
    return [
        ConvolutionBlock(
            filters, kernel, stride, config.conv_bias, norm, dtype=policy, name=f"convolution_{i}"
        )
        for i, (filters, kernel, stride, norm) in enumerate(shapes)
    ]


def masking(config, policy):
    """Return the layer that hides spans in training."""
    return SpanMasking(
        config.mask_time_prob,
        config.mask_time_length,
        config.mask_time_min_masks,
        config.mask_feature_prob,
        config.mask_feature_length,
        config.mask_feature_min_masks,
        active=config.apply_spec_augment,
        dtype=policy,
        name="masking",
    )


def distance(config, policy):
    """Return WavLM's bias by distance; None for the others."""
    if config.model_type != "wavlm":
        return None
    sizes = (config.num_attention_heads, config.num_buckets, config.max_bucket_distance)
    return DistanceBias(*sizes, dtype=policy, name="distance")


def block(config, index, remat, policy, lora=None):
    """Return a block of the encoder, by its place."""
    # WavLM never leaves out its first block, in transformers.
    is_kept = config.model_type == "wavlm" and index == 0
    return EncoderBlock(
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size,
        norm_first=config.do_stable_layer_norm,
        gated=config.model_type == "wavlm",
        epsilon=config.layer_norm_eps,
        hidden_dropout=config.hidden_dropout,
        activation_dropout=config.activation_dropout,
        attention_dropout=config.attention_dropout,
        drop=0.0 if is_kept else config.layerdrop,
        remat=remat,
        lora=lora,
        dtype=policy,
        name=f"block_{index}",
    )
