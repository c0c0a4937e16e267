"""The synthetic corpus on disk: its plan, its making, its manifest."""

import itertools
import re
from pathlib import Path

import numpy as np

from serkeras._files import atomic_path, read_json, write_json
from serkeras.datasets import _table
from serkeras.datasets.synthetic import clip, emotions, phones, voice
from serkeras.datasets.synthetic.speakers import invent

VERSION = 1  # of the sound: clips of another version are never mixed with these
SPEAKERS = 24
PER_SPEAKER = 28  # 7 emotions x 2 statements x 2
BATCH = 8  # clips a task: starting one costs less than a clip does
DONE = "corpus.json"  # written last: a folder without it is not finished

CARD = _table.Card(
    name="synthetic",
    title="serkeras synthetic emotional speech",
    licence="CC0 1.0 (what `generate` makes is free of rights)",
    citation="serkeras, synthetic corpus, version 1 (cite serkeras, see CITATION.cff).",
    homepage="",
    language="English (synthesised)",
    emotions={word: SPEAKERS * PER_SPEAKER // 7 for word in emotions.EMOTIONS},
    speakers={f"synthetic-{number:02d}": PER_SPEAKER for number in range(1, SPEAKERS + 1)},
    speaker_count=SPEAKERS,
    by_hand=(
        "It is made on the spot in a few seconds: "
        "serkeras.datasets.synthetic.generate(root); `load` does so by itself."
    ),
    note=(
        "No human voice: results on it say whether the programme works, not how well emotions "
        "are recognised. Odd speakers are men, even ones women. Neutral is said twice "
        "with one intensity, the others once with each of two."
    ),
)

_NAME = re.compile(
    rf"(\d\d)-({'|'.join(emotions.EMOTIONS)})-({'|'.join(phones.STATEMENTS)})-(normal|strong)-(\d)"
)


def plan(speakers=SPEAKERS):
    """List the clips of the corpus; the place in the list seeds a clip's generator.

    Args:
        speakers: int, number of speakers; fewer give the beginning of the full list.

    Returns:
        List of (name, speaker number, emotion, statement, intensity).
    """
    rows = []
    for number, emotion, statement, take in itertools.product(
        range(1, speakers + 1), emotions.EMOTIONS, phones.STATEMENTS, (1, 2)
    ):
        again = emotion == "neutral" and take == 2
        intensity = "strong" if take == 2 and not again else "normal"
        repetition = 2 if again else 1
        name = f"{number:02d}-{emotion}-{statement}-{intensity}-{repetition}"
        rows.append((name, number, emotion, statement, intensity))
    return rows


def render(seed, index):
    """Make one clip of the corpus.

    Args:
        seed: int, of the corpus.
        index: int, place in `plan()`.

    Returns:
        float64 array `(samples,)`, 16 kHz, 2 to 3 s.
    """
    _, number, emotion, statement, intensity = plan()[index]
    who = invent(seed, number)
    rng = np.random.default_rng([seed, index])
    return clip.render(who, statement, emotion, intensity, rng)


def generate(root, seed=0, n_jobs=None, progress=True, speakers=SPEAKERS):
    """Write the corpus: 672 clips of 2-3 s, 16 kHz 16-bit FLAC, about 25 MB.

    The clips lie in a folder of their own below `root`, named after version, seed and number
    of speakers. Every file appears whole, `corpus.json` appears last. What a killed run left
    is completed; a finished corpus is left alone; two processes at once write the same bytes.

    Args:
        root: folder, made where missing.
        seed: int >= 0. Speakers and clips follow from it alone, not from `n_jobs`.
        n_jobs: processes; None takes all cores, 1 works in this one.
        progress: show a bar.
        speakers: 1 to 24; fewer give the first speakers of the full corpus, for tests.

    Raises:
        ValueError: `seed` or `speakers` is out of range.
    """
    if not 1 <= speakers <= SPEAKERS or seed < 0:
        raise ValueError(
            f"`speakers` must be 1 to {SPEAKERS} and `seed` 0 or more. Received: "
            f"speakers={speakers}, seed={seed}."
        )
    import joblib
    import tqdm

    folder = Path(root) / f"v{VERSION}-seed{seed}-{speakers}speakers"
    wanted = _missing(folder, speakers)
    if not wanted and (folder / DONE).exists():
        return
    batches = [wanted[i : i + BATCH] for i in range(0, len(wanted), BATCH)]
    work = joblib.Parallel(n_jobs=n_jobs or joblib.cpu_count(), return_as="generator_unordered")
    written = work(joblib.delayed(_write)(folder, seed, batch) for batch in batches)
    with tqdm.tqdm(total=len(wanted), unit="clip", desc="synthetic", disable=not progress) as bar:
        for count in written:
            bar.update(count)
    settings = {"version": VERSION, "seed": seed, "speakers": speakers}
    write_json(folder / DONE, {**settings, "clips": len(plan(speakers))})


def _target(folder, name):
    return folder / f"speaker-{name[:2]}" / f"{name}.flac"


def _missing(folder, speakers):
    """Return the indices in `plan()` of the clips that are not there yet."""
    rows = enumerate(plan(speakers))
    return [index for index, row in rows if not _target(folder, row[0]).exists()]


def _write(folder, seed, indices):
    """Write some clips; returns how many. Runs in a worker process."""
    import soundfile

    for index in indices:
        # Not rounding by soundfile: its scaling differs between versions.
        wave = np.round(render(seed, index) * 32767).astype(np.int16)
        with atomic_path(_target(folder, plan()[index][0])) as path:
            soundfile.write(path, wave, voice.SAMPLE_RATE, subtype="PCM_16")
    return len(indices)


def parse(path):
    """Read a name such as `03-angry-boat-strong-2`.

    Args:
        path: `pathlib.Path`.

    Returns:
        Dict of manifest values, or None where the name is not of this corpus.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    number, emotion, statement, intensity, repetition = match.groups()
    return {
        "name": path.stem,
        "emotion": emotion,
        "speaker": number,
        "sex": "male" if int(number) % 2 else "female",
        "statement": statement,
        "intensity": intensity,
        "repetition": int(repetition),
    }


def scan(root):
    """Return the manifest of a finished corpus.

    Args:
        root: folder given to `generate`, or the folder it made therein.

    Returns:
        DataFrame sorted by clip, see `serkeras.datasets.load`.

    Raises:
        FileNotFoundError: there is no finished corpus of this version.
        ValueError: there are several (made with other seeds).
    """
    folder = _finished(Path(root))
    missing = _missing(folder, read_json(folder / DONE)["speakers"])
    if missing:
        raise FileNotFoundError(
            f"A synthetic corpus must be whole. Received: {folder}, where {len(missing)} clips "
            f"are missing (such as {plan()[missing[0]][0]}). Run "
            f"serkeras.datasets.synthetic.generate again; it makes what is missing."
        )
    return _table.scan(folder, CARD.name, parse)


def _finished(root):
    """Find the one finished corpus of this version at or below `root`."""
    if (root / DONE).exists():
        return root
    found = sorted(path.parent for path in root.glob(f"v{VERSION}-*/{DONE}"))
    if not found:
        raise FileNotFoundError(
            f"A synthetic corpus must have been made to the end. Received: {root}, which holds "
            f"no finished one of version {VERSION}. Run "
            f"serkeras.datasets.synthetic.generate({str(root)!r})."
        )
    if len(found) > 1:
        raise ValueError(
            f"A folder must hold one synthetic corpus. Received: {root} with "
            f"{', '.join(path.name for path in found)}. Pass the folder of one of them."
        )
    return found[0]
