"""A speech network as a model takes it in: from a preset or random, adapted, frozen in part."""


def made(preset=None, config=None, remat=False, lora=None):
    """Return a network.

    Args:
        preset: see `serkeras.ssl.from_preset`, which raises the same errors.
        config: in place of a preset a dictionary as in a config.json, for random weights.
        remat: see `serkeras.ssl.from_preset`.
        lora: settings of adapters, see `serkeras.ssl.lora.check`; None for none.

    Returns:
        `SSLBackbone`.

    Raises:
        ValueError: both or neither of preset and config are given.
    """
    from serkeras.ssl import SSLConfig, backbone, presets
    from serkeras.ssl import lora as adapters

    if (preset is None) == (config is None):
        raise ValueError(
            "A speech network must have either `preset` or `config`. "
            f"Received: preset={preset!r}, config={config!r}. Correct model.settings."
        )
    adapters.check(lora)  # raises now, not after a download
    if preset is not None:
        base = presets.from_preset(preset, remat=remat)
    else:
        base = backbone.build(SSLConfig.from_dict(config), remat=remat)
    return base if lora is None else adapters.adapted(base, lora)


def freeze(base, frozen):
    """Freeze the first parts of a network.

    Args:
        base: `SSLBackbone`.
        frozen: how many parts do not learn, see `SSLBackbone.parts`; None freezes all.

    Raises:
        ValueError: the network has no so many parts, or adapters that could not learn.
    """
    parts = base.parts()
    if frozen is not None and not 0 <= frozen <= len(parts):
        raise ValueError(
            f"`frozen` must be None or from 0 to {len(parts)}, the parts of this speech network. "
            f"Received: {frozen!r}. Correct model.settings.frozen."
        )
    if base.lora is not None and not (frozen and frozen < len(parts)):
        raise ValueError(
            f"`frozen` must be from 1 to {len(parts) - 1} with `lora`: nothing of the speech "
            f"network but adapters learns, and some must. Received: {frozen!r}. Set "
            "model.settings.frozen to 1 for the adapters of all blocks."
        )
    if frozen is None:
        base.trainable = False
    for layer in [layer for part in parts[:frozen] for layer in part]:
        layer.trainable = False


def first_weights(preset):
    """Return the files of a preset, see `serkeras.models.first_weights`; none for None."""
    from serkeras.ssl import presets

    return [] if preset is None else [(str(preset), path) for path in presets.files(preset)]
