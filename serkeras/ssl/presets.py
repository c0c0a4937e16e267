"""Published speech networks: loaded from a folder or Hugging Face's hub, written back."""

import contextlib
import shutil
import uuid
from pathlib import Path

from serkeras._files import write_json
from serkeras.ssl import checkpoints, hub, preparation, weights
from serkeras.ssl.cards import CARDS
from serkeras.ssl.config import SSLConfig
from serkeras.ssl.hub_files import endpoint

_CLASSES = {"wav2vec2": "Wav2Vec2Model", "hubert": "HubertModel", "wavlm": "WavLMModel"}


def from_preset(name, revision=None, progress=True, remat=False):
    """Return a published network with its weights.

    Args:
        name: folder in Hugging Face's layout, or id on the hub such as "facebook/wav2vec2-base"
            (`serkeras.ssl.cards.CARDS` lists some). An id is looked for in the kit's cache, then
            in that of Hugging Face's libraries, else fetched; the environment variables
            HF_ENDPOINT and HF_TOKEN are followed.
        revision: branch, tag or commit of the hub; None is its branch "main".
        progress: whether to show progress bars.
        remat: see `serkeras.ssl.backbone.build`.

    Returns:
        `SSLBackbone`, not compiled. `preparation_for(model)` tells what waveforms it takes.

    Raises:
        ValueError: a file is damaged, has another checksum, describes another kind of network, or
            does not fit: tensors missing, unknown, of another shape, not finite.
        FileNotFoundError: there is no such folder or preset, or files are missing.
        PermissionError: the hub does not let you read it.
        ConnectionError: it is not on this machine and cannot be fetched.
        ModuleNotFoundError: the package that reads its weights is not installed.
    """
    checkpoint = checkpoints.Checkpoint(find(name, revision, progress))
    model = untrained(checkpoint, name, remat)
    weights.load(model, checkpoint)
    return model


def untrained(checkpoint, name, remat=False):
    """Return the network that a checkpoint describes, with random weights.

    Args:
        checkpoint: `serkeras.ssl.checkpoints.Checkpoint`.
        name, remat: see `from_preset`, which raises the same errors.

    Returns:
        `SSLBackbone`; `preparation_for` it is that of the checkpoint.
    """
    from serkeras.ssl.backbone import build

    prepared = preparation.of_folder(checkpoint.folder, str(name))
    return build(_settings(checkpoint, preparation.kept(prepared)), remat=remat)


def find(name, revision=None, progress=True):
    """Return the folder of a preset, which is fetched where it is missing.

    Args:
        name, revision, progress: see `from_preset`, which raises the same errors.

    Returns:
        `pathlib.Path`.
    """
    if Path(name).expanduser().is_dir():
        if revision is not None:
            raise ValueError(
                "`revision` is of presets on the hub. Received: "
                f"{revision!r} for the folder {name}. Leave it off."
            )
        return Path(name).expanduser()
    name, revision = str(name), revision or "main"
    hub.check(name, revision)
    folder = hub.find(name, revision)
    if folder is not None:
        return folder
    try:
        return hub.fetch(name, revision, progress)
    except ConnectionError as error:
        raise ConnectionError(_by_hand(name, revision, error)) from error


def files(name):
    """Return the files of a preset's weights, which are fetched where they are missing.

    Args:
        name: see `from_preset`, which raises the same errors.

    Returns:
        List of `pathlib.Path`: one, or the shards.
    """
    folder = find(name)
    _, names = checkpoints.weight_files(folder)
    return [folder / each for each in names]


def _by_hand(name, revision, error):
    places = " nor ".join(str(place) for place in hub.places())
    return (
        f"A preset must be on this machine or be fetched. Received: {name!r} (revision "
        f"{revision}): there is no such folder, neither {places} has a whole copy, and "
        f"{endpoint()} did not give it ({error}). Call again, which goes on with what came. Or, "
        f"where there is a network, `hf download {name} --revision {revision} --local-dir FOLDER`, "
        f"or fetch {checkpoints.CONFIG}, {checkpoints.PREPROCESSOR} and model.safetensors (else "
        f"pytorch_model.bin) from {endpoint()}/{name}/tree/{revision} into FOLDER; bring it here "
        "and give its path instead of the id."
    )


def _settings(checkpoint, more):
    try:
        return SSLConfig.from_dict({**checkpoint.config, **more})
    except ValueError as error:
        raise ValueError(f"{checkpoint.folder / checkpoints.CONFIG}: {error}") from error


def preparation_for(source, revision=None, progress=True):
    """Return how waveforms are prepared for a network.

    Args:
        source: what `from_preset` returned, also saved and loaded again; or a folder or an id,
            which is fetched where it is missing.
        revision, progress: see `from_preset`, which raises the same errors.

    Returns:
        `serkeras.ssl.preparation.Preparation`.
    """
    if hasattr(source, "config"):
        return preparation.of_settings(source.config.to_dict())
    return preparation.of_folder(find(source, revision, progress), str(source))


def save_to(model, folder, like=None):
    """Write a network in Hugging Face's layout, so that transformers loads it.

    What adapters have learned (`serkeras.ssl.lora`) is written into the kernels beside them.

    Args:
        model: `SSLBackbone`.
        folder: to be made, whole or not at all; may be there if it is empty.
        like: folder or id whose preparation of waveforms is written; None takes that of the
            preset that the network came from, where it is known. Nothing is fetched.

    Returns:
        `pathlib.Path` of the folder: config.json, model.safetensors, preprocessor_config.json.

    Raises:
        TypeError: it is another model.
        FileExistsError: the folder holds something.
        FileNotFoundError: `like` is not on this machine.
        ModuleNotFoundError: the package safetensors is not installed.
    """
    from serkeras.ssl.backbone import SSLBackbone

    if not isinstance(model, SSLBackbone):
        raise TypeError(
            "`model` must be a speech network, as from_preset and build return it. Received: "
            f"{type(model).__name__}. Give the layer of it that is one."
        )
    checkpoints.require_reader("safetensors", f"the weights for {folder}")
    config = _published(model.config)
    prepared = preparation_for(model) if like is None else _like(like)
    with _whole_folder(Path(folder).expanduser()) as place:
        write_json(place / checkpoints.CONFIG, config)
        write_json(place / checkpoints.PREPROCESSOR, preparation.extractor(prepared))
        _write_weights(model, place / "model.safetensors")
    return Path(folder).expanduser()


def _published(config):
    """Return settings as transformers writes them, of a network without head in float32."""
    left_out = ("torch_dtype", preparation.KEPT)
    values = {key: value for key, value in config.to_dict().items() if key not in left_out}
    return {**values, "architectures": [_CLASSES[config.model_type]], "dtype": "float32"}


def _like(like):
    folder = Path(like).expanduser()
    folder = folder if folder.is_dir() else hub.find(str(like), "main")
    if folder is not None:
        return preparation.of_folder(folder, str(like))
    if str(like) in CARDS:
        return preparation.of_settings({}, str(like))
    raise FileNotFoundError(
        "`like` must be a folder, or the id of a preset that is on this machine. Received: "
        f"{str(like)!r}. Correct it, or fetch that preset first."
    )


def _write_weights(model, path):
    from safetensors.numpy import save_file

    # transformers 4 refuses a file that does not say whose layout it has.
    save_file(weights.tensors_of(model), path, metadata={"format": "pt"})
    # safetensors 0.8 makes private files; networks are meant to be shared.
    shutil.copymode(path.with_name(checkpoints.CONFIG), path)


@contextlib.contextmanager
def _whole_folder(folder):
    """Yield a folder that takes the place of `folder` when the block ends well."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f"A network is written into a new or empty folder. Received: {folder}, which holds "
            "something. Nothing was changed; choose another folder."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".tmp-{uuid.uuid4().hex}")
    temporary.mkdir()
    try:
        yield temporary
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
