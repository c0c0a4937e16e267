"""Cards of data and models, and the one page of a run, which needs nothing beside it."""

import base64
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

import serkeras
from serkeras import cards, cli
from serkeras._files import read_json, write_json
from serkeras.evaluation import analysis, plots
from tests.recordings import SMALL

QUICK = {"audio.duration_s": SMALL["audio.duration_s"]}


@pytest.fixture(scope="module")
def trained(own_csv, tmp_path_factory):
    out = tmp_path_factory.mktemp("cards") / "run"
    return serkeras.train(
        "logistic-sklearn", data=[str(own_csv)], settings=QUICK, out=out, progress=False
    )


# The card of data


@pytest.fixture
def table(tmp_path):
    """Three clips whose statistics are known: a square wave of one second, and others."""
    rows = []
    for name, samples, rate, emotion in (
        ("a", np.tile([0.5, -0.25], 4000), 8000, "angry"),
        ("b", np.tile([0.1, -0.1], 16000), 16000, "sad"),
        ("c", np.zeros(8000), 8000, "sad"),
    ):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples, rate, subtype="FLOAT")
        rows.append({"path": str(path), "emotion": emotion, "speaker": name, "sex": "female"})
    pd.DataFrame(rows).to_csv(tmp_path / "own.csv", index=False)
    return tmp_path / "own.csv"


def test_statistics_are_those_of_the_recordings(table, tmp_path):
    page = cards.data_card([str(table)], out=tmp_path / "card", progress=False)
    result = read_json(page.with_name(analysis.RESULT))
    whole, by_emotion = result["recordings"]["all"]["all"], result["recordings"]["emotion"]
    assert whole["rates"] == {"8000": 2, "16000": 1}
    assert whole["duration_s"]["mean"] == pytest.approx(4 / 3)
    assert whole["duration_s"]["longest"] == 2
    assert by_emotion["angry"]["highest"] == pytest.approx(0.5)
    assert by_emotion["angry"]["lowest"] == pytest.approx(-0.25)
    power = (0.5**2 + 0.25**2) / 2
    assert by_emotion["angry"]["rms_db"] == pytest.approx(10 * np.log10(power), abs=1e-5)
    assert by_emotion["sad"]["rms_db"] == pytest.approx((-20 - 100) / 2, abs=1e-4)
    assert result["emotions"] == {"angry": {"own": 1}, "sad": {"own": 2}}
    assert result["sexes"]["sad"] == {"female": 2}
    assert result["failed"] == []
    assert result["crossed"]["angry"]["own"] == by_emotion["angry"]
    assert "| RMS (dB), mean | own |" not in page.read_text(), "one corpus needs no table of two"


def test_a_broken_recording_is_named_and_the_rest_described(table, tmp_path):
    (tmp_path / "c.wav").write_bytes(b"RIFF and nothing else")
    page = cards.data_card([str(table)], out=tmp_path / "card", progress=False)
    result = read_json(page.with_name(analysis.RESULT))
    assert result["recordings"]["all"]["all"]["clips"] == 2
    ((clip, reason),) = result["failed"]
    assert "c.wav" in reason
    assert clip in page.read_text()


def test_emotions_are_told_apart_by_corpus(tmp_path):
    specs = []
    for corpus, level, emotions in (("loud", 0.5, "angry sad"), ("soft", 0.05, "angry broken")):
        folder, rows = tmp_path / corpus, []
        folder.mkdir()
        for emotion in emotions.split():
            path = folder / f"{emotion}.wav"
            soundfile.write(path, np.tile([level, -level], 4000), 8000, subtype="FLOAT")
            rows.append({"path": str(path), "emotion": emotion, "speaker": corpus})
        pd.DataFrame(rows).to_csv(folder / f"{corpus}.csv", index=False)
        specs.append(str(folder / f"{corpus}.csv"))
    (tmp_path / "soft" / "broken.wav").write_bytes(b"RIFF and nothing else")
    page = cards.data_card(specs, out=tmp_path / "card", progress=False)
    crossed = read_json(page.with_name(analysis.RESULT))["crossed"]
    levels = {corpus: own["rms_db"] for corpus, own in crossed["angry"].items()}
    assert levels == pytest.approx({"loud": 20 * np.log10(0.5), "soft": 20 * np.log10(0.05)})
    # What cannot be read has no measures: no "nan", which is no JSON either.
    assert set(crossed) == {"angry", "sad"}
    text = page.read_text()
    assert "| RMS (dB), mean | loud | soft |" in text
    assert "| angry | -6.0 | -26.0 |" in text
    assert "| sad | -6.0 | - |" in text
    assert "nan" not in text


@pytest.mark.corpus
def test_a_corpus_that_lacks_an_emotion_is_cautioned_of(tmp_path):
    page = cards.data_card(["ravdess", "emodb"], tmp_path, "seven", progress=False)
    text = page.read_text()
    assert "surprise is not in emodb" in text
    assert "CC BY-NC-SA 4.0" in text
    counts = read_json(tmp_path / analysis.RESULT)
    assert counts["emotions"]["neutral"]["ravdess"] == 96 + 192  # calm counts as neutral
    crossed = counts["crossed"]
    assert set(crossed["surprise"]) == {"ravdess"}
    # An emotion's mean is that of its corpora, each with its clips.
    both = crossed["sad"].values()
    mean = sum(own["rms_db"] * own["clips"] for own in both) / sum(own["clips"] for own in both)
    assert counts["recordings"]["emotion"]["sad"]["rms_db"] == pytest.approx(mean)
    cells = [f"{crossed['sad'][corpus]['rms_db']:.1f}" for corpus in ("emodb", "ravdess")]
    assert "| RMS (dB), mean | emodb | ravdess |" in text
    assert f"| sad | {' | '.join(cells)} |" in text
    assert f"| surprise | - | {crossed['surprise']['ravdess']['rms_db']:.1f} |" in text


# The card of a model


def test_metadata_are_what_hubs_read(trained):
    path = cards.model_card(trained)
    head = path.read_text().split("---\n")[1]
    found = yaml.safe_load(head)
    assert found["pipeline_tag"] == "audio-classification"
    ((model,),) = [found["model-index"]]
    (result,) = model["results"]
    values = {each["type"]: each["value"] for each in result["metrics"]}
    assert values["recall"] == pytest.approx(trained.metrics["uar"]["value"], abs=1e-4)
    assert "new speakers" in result["metrics"][0]["name"]
    assert "split" in result["dataset"]


def test_hugging_face_takes_the_card(trained):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard.load(cards.model_card(trained), ignore_metadata_errors=False)
    (result, *_) = card.data.eval_results
    assert result.metric_value == pytest.approx(trained.metrics["uar"]["value"], abs=1e-4)
    assert card.data.model_name == "logistic-sklearn"


def test_the_card_states_limits_law_and_licences(own_csv, trained, tmp_path):
    text = cards.model_card(trained).read_text()
    for words in ("people at work and in education**", "5(1)(f)", "Not for", "own recordings"):
        assert words in text
    assert analysis.protocol_of(trained) in text
    assert "speakers whom the model knows" not in text
    known = serkeras.train(
        "logistic-sklearn", [str(own_csv)], "random", settings=QUICK, out=tmp_path, progress=False
    )
    assert "speakers whom the model knows" in cards.model_card(known).read_text()


# The page


def _figure():
    figure = plots.new_figure(1, 1)
    figure.subplots()
    return figure


def test_the_page_holds_everything_and_needs_nothing(trained):
    cards.model_card(trained)
    shown = {"x": _figure()}
    place = analysis.place(trained, "robustness")
    analysis.write(place, "Robustness of <b>it</b>", {}, ["![x](figures/x.png)"], shown)
    cards.data_card(trained, progress=False)
    text = cards.write_page(trained.folder).read_text()
    order = [text.index(f">{name}</a>") for name in ("Report", "Robustness", "Data card")]
    assert order == sorted(order)
    sources = re.findall(r'<img src="([^"]+)"', text)
    assert len(sources) >= 7
    for source in sources:
        head, _, code = source.partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(code).startswith(b"\x89PNG")
    assert not re.search(r'(href|src)="(?!#|data:|https?://)', text)
    assert "<link" not in text
    assert "<script" not in text
    # What stands in names is text.
    assert "&lt;b&gt;it&lt;/b&gt;" in text
    assert "library_name" not in text
    assert 'name="viewport"' in text


def test_a_page_with_a_figure_gone_is_refused(tmp_path):
    page = analysis.write(tmp_path, "T", {}, ["![x](figures/x.png)"], {"x": _figure()})
    page.with_name("figures").joinpath("x.png").unlink()
    with pytest.raises(FileNotFoundError, match="figures must lie where it says"):
        cards.write_page(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"report\.md or page\.md"):
        cards.write_page(tmp_path / "figures")


def test_the_commands(trained, table, tmp_path, capsys):
    assert cli.main(["card", str(trained.folder), "--quiet"]) == 0
    assert cli.main(["report", str(trained.folder), "--out", str(tmp_path / "all.html")]) == 0
    assert (tmp_path / "all.html").stat().st_size > 50_000
    out = ["--out", str(tmp_path / "card"), "--quiet"]
    assert cli.main(["card", "--data", str(table), *out]) == 0
    assert (tmp_path / "card" / analysis.PAGE).is_file()
    assert cli.main(["card"]) == 2
    assert "a run or of data" in capsys.readouterr().err


def test_what_is_missing_is_made_and_what_cannot_be_is_named(trained, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(trained.folder, folder, ignore=shutil.ignore_patterns("analyses"))
    kept = analysis.place(serkeras.Run(folder), "robustness")
    analysis.write(kept, "Robustness: made before", {"kept": True}, ["Text."], {})
    table = pd.read_csv(folder / "predictions.csv")
    table.assign(path=str(tmp_path / "gone.wav")).to_csv(folder / "predictions.csv", index=False)
    told = read_json(folder / "experiment.json")
    write_json(folder / "experiment.json", {**told, "data": [str(tmp_path / "gone.csv")]})
    assert cli.main(["report", str(folder), "--all", "--quiet"]) == 1
    assert "gone.csv" in capsys.readouterr().err
    assert read_json(kept / analysis.RESULT) == {"kept": True}
    made = {path.parent.name for path in folder.glob("analyses/*/page.md")}
    assert {"groups", "confidence", "robustness"} <= made
    assert not {"explanation", "data"} & made
    assert "Model card" in (folder / "report.html").read_text()


def test_metadata_name_no_place_of_this_machine(own_csv, trained):
    found = cards.model.metadata(trained)
    assert found["datasets"] == []  # own recordings are nobody else's data set
    assert str(own_csv.parent) not in yaml.safe_dump(found)


@pytest.mark.corpus
def test_tested_and_learned_corpora_are_told_apart(tmp_path):
    run = serkeras.train(
        "logistic-sklearn",
        ["ravdess", "emodb"],
        "corpus:emodb",
        label_scheme="four",
        settings={**QUICK, "model.settings.max_iter": 50},
        out=tmp_path,
        progress=False,
    )
    found = cards.model.metadata(run)
    assert found["datasets"] == ["ravdess"]
    assert found["language"] == ["en"]
    assert found["model-index"][0]["results"][0]["dataset"]["type"] == "emodb"


def test_an_unfinished_run_is_not_analysed(trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "run", ignore=shutil.ignore_patterns("analyses"))
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(FileNotFoundError, match="must be finished"):
        cards.analyse(tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "analyses").exists()


def test_an_ensemble_has_every_analysis_that_asks_for_answers_only(trained, tmp_path):
    other = serkeras.train(
        "svm", trained.experiment.data, settings=QUICK, out=tmp_path / "other", progress=False
    )
    joined = serkeras.ensemble([trained, other], tmp_path / "joined")
    columns = [f"p_{label}" for label in joined.labels]
    each = [run.validation.set_index("clip")[columns] for run in (trained, other)]
    found = joined.validation.set_index("clip")
    assert np.allclose(found[columns], (each[0] + each[1].loc[each[0].index]) / 2)
    assert list(found["predicted"]) == [joined.labels[i] for i in found[columns].values.argmax(1)]

    left_out = cards.analyse(joined.folder, progress=False)
    assert set(left_out) == {"model card", "explanation"}
    assert all("must have one model" in reason for reason in left_out.values())
    page = cards.write_page(joined.folder).read_text(encoding="utf-8")
    for title in ("Groups:", "Confidence:", "Robustness:", "Data card of"):
        assert f"{title} logistic-sklearn + svm on" in page
    result = read_json(joined.folder / "analyses" / "confidence" / "result.json")
    assert result["test_clips"] == len(joined.predictions)
    assert cli.main(["confidence", str(joined.folder)]) == 0
    assert cli.main(["groups", str(joined.folder)]) == 0
    assert cli.main(["card", str(joined.folder), "--quiet"]) == 1
