"""Checks of notebook 06: masked attention, parameters of an encoder, and who mixes clips."""

from serkeras.labs.answers import Hint, as_array, as_number, brief
from serkeras.labs.checking import exercise

_MASK = (True, True, False, True, False)


@exercise("6.1", points=3)
def masked_attention(answer):
    """Judge attention that leaves out masked keys."""
    import numpy as np

    rng = np.random.default_rng(6)
    query, key, value = (rng.normal(size=shape) for shape in ((4, 6), (5, 6), (5, 3)))
    mask = np.array(_MASK)
    found = as_array(answer(query.copy(), key.copy(), value.copy(), mask.copy()), (4, 3))
    if np.allclose(found, _weights(query, key, mask) @ value, atol=1e-5):
        return
    for wrong, hint in _mistakes(query, key, mask):
        if np.allclose(found, wrong @ value, atol=1e-5):
            raise Hint(hint)
    other = value.copy()
    other[~mask] = 100
    again = as_array(answer(query.copy(), key.copy(), other, mask.copy()), (4, 3))
    if not np.allclose(again, found, atol=1e-5):
        raise Hint("values of masked frames still come through: their weight has to be 0")
    raise Hint("no masked frame comes through, but the weights are not right: look at section 3")


def _weights(query, key, mask, divide=True, axis=1):
    import numpy as np

    scores = query @ key.T / (np.sqrt(query.shape[1]) if divide else 1)
    raised = np.exp(scores) * mask
    # Along axis 0 a masked column sums to 0.
    return raised / np.maximum(raised.sum(axis=axis, keepdims=True), 1e-30)


def _mistakes(query, key, mask):
    """List weights of wrong attentions, and what to say about each."""
    import numpy as np

    plain = _weights(query, key, np.ones(len(mask)))
    scores = query @ key.T / np.sqrt(query.shape[1]) * mask
    zeroed = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return (
        (plain, "the mask changes nothing"),
        (_weights(query, key, ~mask), "`mask` is true where a frame is *real*"),
        (plain * mask, "the weights that are left no longer sum to 1: mask before the softmax"),
        (zeroed, "a score of 0 is not a weight of 0: e to the 0 is 1. Which score gives 0?"),
        (_weights(query, key, mask, divide=False), "the division by the root of the width"
         " is missing"),
        (_weights(query, key, mask, axis=0), "the weights of one *query* have to sum to 1: which"
         " axis are the keys?"),
    )  # fmt: skip


@exercise("6.2", points=2)
def encoder_parameters(answer):
    """Judge the number of parameters of an encoder layer."""
    for width, inner in ((128, 512), (40, 64)):
        received = as_number(answer(width, inner))
        tables, norms = 4 * (width + 1) * width, 4 * width
        dense = (width + 1) * inner + (inner + 1) * width
        if received == tables + norms + dense:
            continue
        given = f"width {width}, inner {inner}"
        mistakes = {
            tables + dense: "the layer normalisations have parameters too",
            tables + norms // 2 + dense: "there are two layer normalisations, of a scale and a "
            "shift each",
            3 * (width + 1) * width + norms + dense: "query, key, value *and* the table that joins "
            "the heads: four",
            tables + norms + dense - 5 * width - inner: "biases are missing",
            tables + norms + dense - inner - width: "the two dense layers have biases too",
            tables + norms: "the two dense layers are missing",
            4 * tables + norms + dense: "the heads share the width: four heads of a quarter are as "
            "large as one",
        }
        for value, hint in mistakes.items():
            if received == value:
                raise Hint(f"{given}: {hint}")
        raise Hint(f"{given}: you return {received:,.0f}. Write the parts down one by one")


@exercise("6.3", points=3)
def mixes_clips(answer):
    """Judge a detector of predictions that depend on the batch."""
    import numpy as np

    clips = np.random.default_rng(3).normal(size=(6, 4))
    clips[4] *= 10  # the loudest is neither first nor last
    for predict, wanted, hint in _SUSPECTS:
        found = answer(predict, clips.copy())
        if not isinstance(found, (bool, np.bool_)):
            raise Hint(f"return True or False, not {brief(found)}")
        if bool(found) != wanted:
            raise Hint(hint)


def _softmax(scores):
    import numpy as np

    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _by_itself(clips):
    return _softmax(clips[:, :3])


def _rounding(clips):
    """Judge each clip by itself; the rounding depends on the number of clips, as in Keras."""
    return _softmax(clips[:, :3]) + 1e-8 * len(clips)


def _across(clips):
    return _softmax(clips @ clips.T) @ _by_itself(clips)


def _one_floor(clips):
    """Cut all clips off below the loudest of them: only soft ones change."""
    import numpy as np

    return np.maximum(clips[:, :3], np.abs(clips).max() / 10 - 1)


def _slightly(clips):
    """Move probabilities with the batch, by too little to change an answer."""
    import numpy as np

    return _by_itself(clips) * (1 + 1e-3 * np.log(len(clips)))


def _all_but_the_first(clips):
    """Add to each clip what the one before it was."""
    found = _by_itself(clips)
    found[1:] += 0.1 * _by_itself(clips)[:-1]
    return found


_SUSPECTS = (
    (_by_itself, False, "a function that judges each clip by itself is accused. Do you compare "
     "the clip with itself, alone and in the batch?"),
    (_rounding, False, "differences of 1e-7 are rounding: computers add up in another order"),
    (_across, True, "attention across the batch is not found: some clips hardly change, so look at "
     "all of them"),
    (_one_floor, True, "a floor below the loudest clip of the batch is not found: it changes only "
     "some of the clips, so look at all of them"),
    (_slightly, True, "probabilities that move a little are not found: compare the numbers, not "
     "the emotion that wins"),
    (_all_but_the_first, True, "a prediction that looks at the clip *before* is not found: the "
     "first clip is the same there, the others are not"),
)  # fmt: skip
