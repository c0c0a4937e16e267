"""How waveforms are prepared for a speech network: rate, level, padding."""

import dataclasses
from dataclasses import dataclass

from serkeras.ssl import checkpoints
from serkeras.ssl.cards import CARDS

# Key under which a network's settings keep it, so that saved models know it too.
KEPT = "serkeras_preparation"


@dataclass(frozen=True)
class Preparation:
    """How waveforms are prepared for a network.

    Attributes:
        sample_rate: hertz.
        normalize: whether each waveform must have mean 0 and variance 1.
        mask: whether padding is to be left out (the network's input "lengths"); otherwise
            clips are padded with zeros and "lengths" left off, as the network was trained.
    """

    sample_rate: int = 16000
    normalize: bool = True
    mask: bool = False


def of_folder(folder, name=None):
    """Return what a folder in Hugging Face's layout asks for.

    Its preprocessor_config.json counts first, then the card of the id, then what transformers
    takes: normalised waveforms, and a mask where the convolutions have layer norm.

    Args:
        folder: with a config.json.
        name: id of the preset, where it is known.

    Returns:
        `Preparation`.

    Raises:
        FileNotFoundError: there is no config.json.
        ValueError: a file is damaged, or says something else than numbers and true or false.
    """
    known = of_settings(checkpoints.read_json(folder / checkpoints.CONFIG), name)
    path = folder / checkpoints.PREPROCESSOR
    if not path.is_file():
        return known
    told = checkpoints.read_json(path)
    found = Preparation(
        told.get("sampling_rate", known.sample_rate),
        told.get("do_normalize", known.normalize),
        told.get("return_attention_mask", known.mask),
    )
    _check(found, path)
    return found


def of_settings(config, name=None):
    """Return what settings alone tell.

    Args:
        config: dictionary of a config.json.
        name: id of the preset, where it is known.

    Returns:
        `Preparation`: what a loaded network was given, else that of the card, else the rule.
    """
    if KEPT in config:
        return Preparation(**config[KEPT])
    card = CARDS.get(name) or CARDS.get(config.get("_name_or_path"))
    if card is not None:
        return Preparation(card.sample_rate, card.normalize, card.mask)
    return Preparation(mask=config.get("feat_extract_norm") == "layer")


def kept(found):
    """Return the entry of settings that keeps a preparation."""
    return {KEPT: dataclasses.asdict(found)}


def extractor(found):
    """Return a preparation as transformers' feature extractor for waveforms reads it."""
    return {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        "sampling_rate": found.sample_rate,
        "do_normalize": found.normalize,
        "return_attention_mask": found.mask,
    }


def _check(found, path):
    is_rate = type(found.sample_rate) is int and found.sample_rate > 0
    if not (is_rate and type(found.normalize) is bool and type(found.mask) is bool):
        raise ValueError(
            "`sampling_rate` must be in hertz, `do_normalize` and `return_attention_mask` true or "
            f"false. Received: {path} with {dataclasses.astuple(found)}. Correct the file."
        )
