"""What is known of the published speech networks: family, size, licence, paper, preparation."""

from dataclasses import dataclass

_WAV2VEC2 = "Baevski et al. 2020, wav2vec 2.0, arXiv:2006.11477"
_XLSR = "Babu et al. 2021, XLS-R, arXiv:2111.09296"
_HUBERT = "Hsu et al. 2021, HuBERT, arXiv:2106.07447"
_WAVLM = "Chen et al. 2021, WavLM, arXiv:2110.13900"
_WAVLM_LICENCE = (
    "CC BY-SA 3.0 by the model card, which links UniSpeech's licence; MIT in the repository that "
    "published the weights first"
)


@dataclass(frozen=True)
class Card:
    """What is known of one published network.

    Attributes:
        id: on Hugging Face's hub.
        family: "wav2vec2", "hubert" or "wavlm".
        parameters: of the network without heads.
        licence: of the weights, as their publisher says.
        paper: source.
        normalize: whether waveforms must have mean 0 and variance 1 each.
        mask: whether the network was trained to leave out padding. Those with group norm in
            their first convolution were not: they see clips padded with zeros.
        sample_rate: hertz.
    """

    id: str
    family: str
    parameters: int
    licence: str
    paper: str
    normalize: bool
    mask: bool
    sample_rate: int = 16000


def _card(name, parameters, paper, mask, normalize=True, licence="Apache-2.0"):
    family = "hubert" if "hubert" in name else "wavlm" if "wavlm" in name else "wav2vec2"
    return Card(name, family, parameters, licence, paper, normalize, mask)


# WavLM's authors say that waveforms were left as they are for Base and normalised for Large
# (microsoft/unilm, discussion 708). The others' preprocessor_config.json asks for it, also where
# the original training of the base networks did without: group norm takes the level out again.
_ALL = (
    _card("facebook/wav2vec2-base", 94_371_712, _WAV2VEC2, mask=False),
    _card("facebook/wav2vec2-base-960h", 94_371_712, _WAV2VEC2, mask=False),
    _card("facebook/wav2vec2-large", 315_428_992, _WAV2VEC2, mask=False),
    _card("facebook/wav2vec2-large-960h", 315_428_992, _WAV2VEC2, mask=False),
    _card("facebook/wav2vec2-large-lv60", 315_438_720, _WAV2VEC2, mask=True),
    _card("facebook/wav2vec2-xls-r-300m", 315_438_720, _XLSR, mask=True),
    _card("facebook/hubert-base-ls960", 94_371_712, _HUBERT, mask=False),
    _card("facebook/hubert-large-ll60k", 315_438_720, _HUBERT, mask=True),
    _card("facebook/hubert-large-ls960-ft", 315_438_720, _HUBERT, mask=True),
    _card("microsoft/wavlm-base", 94_381_936, _WAVLM, True, False, _WAVLM_LICENCE),
    _card("microsoft/wavlm-base-plus", 94_381_936, _WAVLM, True, False, _WAVLM_LICENCE),
    _card("microsoft/wavlm-large", 315_453_120, _WAVLM, True, True, _WAVLM_LICENCE),
)
CARDS = {card.id: card for card in _ALL}
