"""The command line: answers, exit codes, and one clear message for what is wrong."""

import argparse
import json
import subprocess
import sys

import pandas as pd
import pytest

from serkeras import cli, recipes, runs
from serkeras.cli import main
from tests.recordings import SMALL, write_corpus

_SUBPARSERS = next(
    each for each in cli._parser()._actions if isinstance(each, argparse._SubParsersAction)
)
COMMANDS = sorted(_SUBPARSERS.choices)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_examples(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert f"python -m serkeras {command}" in out.split("examples:")[1]


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    named = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert named >= set(COMMANDS)


def test_the_module_runs_and_listing_recipes_is_light():
    code = (
        "import sys\nfrom serkeras.cli import main\nmain(['recipes'])\n"
        "heavy = {'tensorflow', 'keras', 'librosa', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    done = subprocess.run(
        [sys.executable, "-m", "serkeras", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("serkeras ")


def test_recipes_lists_all_and_shows_one_whole(capsys):
    assert main(["recipes"]) == 0
    out = capsys.readouterr().out
    assert all(name in out.splitlines() for name in recipes.names())
    assert main(["recipes", "cnn"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["experiment"]["training"]["learning_rate"] == 0.01


def test_data_lists_the_corpora_and_counts_own_recordings(own_csv, tmp_path, capsys):
    assert main(["data"]) == 0
    assert "ravdess" in capsys.readouterr().out
    assert main(["data", str(own_csv), "--csv", str(tmp_path / "clips.csv")]) == 0
    assert "36 clips, 6 speakers at hand" in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "clips.csv")) == 36


def test_data_says_how_to_get_a_corpus_that_is_not_at_hand(monkeypatch, capsys):
    monkeypatch.delenv("SERKERAS_DATA", raising=False)
    assert main(["data", "savee"]) == 0
    out = capsys.readouterr().out
    assert "licence:" in out
    assert "Not at hand. SAVEE is given out after registration" in out


@pytest.mark.filterwarnings("always:.*speakers of 2 of 2 clips")
def test_audit_names_findings_and_says_so_in_its_exit_code(own_csv, tmp_path, capsys):
    good = own_csv.parent / "s0_sad_0.wav"
    for emotion in ("sad", "happy"):
        (tmp_path / emotion).mkdir()
        (tmp_path / emotion / "a.wav").write_bytes(good.read_bytes())
    assert main(["audit", "--data", str(tmp_path), "--quiet"]) == 1
    captured = capsys.readouterr()
    assert "identical" in captured.out
    assert "serkeras: warning: " in captured.err
    assert "speakers of 2 of 2 clips are unknown" in captured.err


def test_features_fill_the_cache(own_csv, capsys):
    words = ["features", "--data", str(own_csv), "--feature", "log_mel", "--set", "n_mels=40"]
    assert main([*words, "--quiet"]) == 0
    assert "36 clips of 40 x 94" in capsys.readouterr().out


def test_train_then_evaluate_then_predict(own_csv, tmp_path, capsys):
    out = tmp_path / "run"
    words = ["train", "cnn", "--data", str(own_csv), "--out", str(out), "--quiet"]
    words += ["--split", "random", "--seed", "3", "--epochs", "1"]
    for name, value in SMALL.items():
        words += ["--set", f"{name}={value}"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "UAR" in printed
    assert str(out / "report.md") in printed
    run = runs.Run(out)
    assert (run.experiment.split, run.experiment.seed) == ("random", 3)
    assert run.experiment.training.epochs == 1

    (out / "report.md").unlink()
    assert main(["evaluate", str(out), "--json", str(tmp_path / "figures.json")]) == 0
    assert (out / "report.md").is_file()
    assert json.loads((tmp_path / "figures.json").read_text()) == run.metrics
    capsys.readouterr()

    assert main(["predict", str(out), str(own_csv.parent), "--json", "--quiet"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 36
    assert set(rows[0]) == {"path", "label", "happy", "sad"}


def test_predict_names_what_it_left_out(small_run, own_csv, tmp_path, capsys):
    (tmp_path / "broken.wav").write_text("text")
    good = own_csv.parent / "s0_sad_0.wav"
    words = ["predict", str(small_run.folder), str(good), str(tmp_path / "broken.wav"), "--quiet"]
    assert main(words) == 1
    captured = capsys.readouterr()
    assert "s0_sad_0.wav" in captured.out
    assert "broken.wav" in captured.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "cnnn"], "A recipe must be one of"),
        (["train", "cnn", "--data", "nowhere/"], "nowhere"),
        (["train", "cnn", "--data", "ravdes"], "ravdes"),
        (["train", "cnn", "--set", "training.epoch=1"], "TrainingConfig must be among"),
        (["train", "cnn", "--epochs", "0"], "`epochs` of TrainingConfig must be 1 or more"),
        (["predict", "nowhere", "x.wav"], "A run must be a folder with experiment.json"),
        (["evaluate", "nowhere"], "A run must be a folder with experiment.json"),
    ],
)
def test_one_clear_message_and_exit_code_two(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert not list(tmp_path.rglob("*.json")), "a failed command must leave no run behind"
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_unknown_split_is_named(own_csv, tmp_path, capsys):
    words = ["train", "cnn", "--data", str(own_csv), "--split", "speakr"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert "speakr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "module", "goes_on"),
    [("demo", "runs", True), ("data", "data", False)],
)
def test_interruption_says_how_to_go_on_where_that_is_true(
    command, module, goes_on, monkeypatch, capsys
):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"serkeras.cli.{module}.{command}", interrupt)
    assert main([command]) == 130
    assert ("goes on from here" in capsys.readouterr().err) == goes_on


def test_evaluate_names_what_it_left_out(small_run, tmp_path, capsys):
    csv = write_corpus(tmp_path, speakers=3, seed=1)
    text = csv.read_text().replace(",0,", ",new0,").replace(",1,", ",new1,").replace(",2,", ",z,")
    lines = text.splitlines()
    lines[1] = lines[1].replace(",sad,", ",calm,")
    csv.write_text("\n".join(lines))
    (tmp_path / "s2_happy_2.wav").write_text("text")
    words = ["evaluate", str(small_run.folder), "--data", str(csv), "--quiet"]
    assert main(words) == 2
    assert main([*words, "--skip-broken", "--json", str(tmp_path / "figures.json")]) == 1
    err = capsys.readouterr().err
    assert "1 clips of calm, unknown to the model" in err
    assert "s2_happy_2.wav, unreadable" in err
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert sum(map(sum, figures["confusion_matrix"])) == len(lines) - 1 - 2


def test_a_reader_that_stops_early_is_no_error():
    code = (
        "import sys\nfrom serkeras.cli import main\n"
        "for _ in range(500):\n    code = main(['recipes', 'cnn'])\nsys.exit(code)\n"
    )
    shown = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    shown.stdout.readline()
    shown.stdout.close()
    assert shown.wait(timeout=60) == 0
    assert shown.stderr.read() == ""
    shown.stderr.close()
