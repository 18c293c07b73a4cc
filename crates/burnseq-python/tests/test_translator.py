"""Translations are those of the command line, to the last digit."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

import burnseq
from burnseq import Hypothesis, Translator

PATH = "checkpoints/checkpoint_last"


def base2(nats):
    """A score as the command line has it: in bits, in single precision."""
    return np.float32(nats) / np.float32(np.log(2))


def printed(hypothesis):
    """The H-, D- and P- lines of a hypothesis, without their heads."""
    score = repr(float(base2(hypothesis.score)))
    tokens = " ".join(token for token in hypothesis.tokens if token != "</s>")
    scores = " ".join(f"{base2(score):.4f}" for score in hypothesis.token_scores)
    return f"{score}\t{tokens}", f"{score}\t{hypothesis.text}", scores


@pytest.fixture(scope="module")
def translator(world):
    return Translator(world.path / PATH, device="cpu")


def test_texts_are_those_of_generate(world, translator):
    lines = [*world.lines("test.de", 60), "", "   ", "Ein Löwe"]
    text = "".join(f"{line}\n" for line in lines)
    expected = world.run(f"generate --cpu --path {PATH} --input -", text).splitlines()
    assert translator.translate(lines) == expected
    assert translator.translate([f"{line}\r\n" for line in lines]) == expected
    assert translator.translate(lines[0]) == expected[0]
    assert translator.translate(line for line in lines) == expected
    assert translator.translate([]) == []
    assert translator.translate("") == ""


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ("", {}),
        ("--beam 3 --nbest 3 --lenpen 0.5 --max-len-b 12", {"beam": 3, "nbest": 3, "lenpen": 0.5, "max_len_b": 12}),
        ("--unnormalized --min-len 9 --unkpen -2", {"unnormalized": np.bool_(True), "min_len": 9, "unkpen": -2}),
        ("--max-len-a 1.5 --max-len-b 2", {"max_len_a": 1.5, "max_len_b": 2}),
        ("--sampling --seed 7 --nbest 2 --beam 2", {"sampling": True, "seed": 7, "nbest": 2, "beam": 2}),
        ("--sampling --sampling-topk 5 --temperature 2", {"sampling": True, "sampling_topk": 5, "temperature": 2.0}),
        ("--sampling --sampling-topp 0.8", {"sampling": True, "sampling_topp": np.float64(0.8), "sampling_topk": -1}),
        ("--beam 4 --diverse-beam-groups 2", {"beam": np.int64(4), "diverse_beam_groups": 2}),
        ("--no-repeat-ngram-size 1 --match-source-len", {"no_repeat_ngram_size": 1, "match_source_len": True}),
        ("--diversity-rate 0.3 --print-alignment", {"diversity_rate": 0.3, "attention": True}),
        ("--retain-dropout --seed 3", {"retain_dropout": True, "seed": 3}),
    ],
)
def test_hypotheses_are_those_of_interactive(world, translator, flags, options):
    lines = world.lines("test.de", 12)
    groups = world.interactive(f"--path {PATH} {flags}", lines)
    found = translator.hypotheses(lines, **options)
    assert len(found) == len(groups)
    for hypotheses, group in zip(found, groups):
        assert len(hypotheses) == options.get("nbest", 1)
        for kind, expected in zip(zip(*map(printed, hypotheses)), (group["H"], group["D"], group["P"])):
            assert list(kind) == expected
        assert " ".join(hypotheses[0].source_tokens) == group["S"][0] + " </s>"


def test_options_of_the_translator_are_defaults_of_its_calls(world, translator):
    line = world.lines("test.de", 1)[0]
    narrow = Translator(world.path / PATH, device="cpu", beam=1, max_len_b=4)
    found = narrow.hypotheses(line, max_len_b=6)[0]
    assert found.text == translator.translate(line, beam=1, max_len_b=6)
    # None is the default of the library.
    assert narrow.translate(line, beam=None, max_len_b=None) == translator.translate(line)


def test_constraints_stand_behind_tabulators(world, translator):
    lines = [f"{line}\tdog\tsleeps" for line in world.lines("test.de", 3)]
    for order in ("ordered", "unordered"):
        groups = world.interactive(f"--path {PATH} --constraints={order}", lines)
        found = translator.hypotheses(lines, constraints=order)
        assert [printed(hypotheses[0])[1] for hypotheses in found] == [group["D"][0] for group in groups]
        assert all("dog" in hypotheses[0].text and "sleeps" in hypotheses[0].text for hypotheses in found)


def test_attention_and_alignment_are_those_of_interactive(world, translator):
    lines = world.lines("test.de", 5)
    soft = world.interactive(f"--path {PATH} --nbest 2 --print-alignment=soft", lines)
    hard = world.interactive(f"--path {PATH} --nbest 2 --print-alignment", lines)
    found = translator.hypotheses(lines, nbest=2, attention=True)
    for hypotheses, soft, hard in zip(found, soft, hard):
        for hypothesis, soft, hard in zip(hypotheses, soft["A"], hard["A"]):
            rows = [",".join(f"{value:.6f}" for value in row) for row in hypothesis.attention]
            assert " ".join(rows) == soft
            assert " ".join(f"{source}-{target}" for source, target in hypothesis.alignment) == hard
            assert hypothesis.attention.shape == (len(hypothesis.tokens), len(hypothesis.source_tokens))
            assert hypothesis.alignment.shape == (len(hypothesis.tokens) - 1, 2)
            np.testing.assert_allclose(hypothesis.attention.sum(axis=1), 1, atol=1e-5)
    assert translator.hypotheses(lines[0])[0].attention is None
    assert translator.hypotheses(lines[0])[0].alignment is None


def test_arrays_have_their_types_and_are_ones_own(translator):
    found = translator.hypotheses("Der Hund schläft.", attention=True)[0]
    assert isinstance(found, Hypothesis)
    assert (found.ids.dtype, found.token_scores.dtype) == (np.int64, np.float32)
    assert (found.attention.dtype, found.alignment.dtype) == (np.float32, np.int64)
    tokenizer = translator.target_tokenizer
    assert [tokenizer.id_to_token(id) for id in found.ids] == found.tokens
    assert tokenizer.decode(found.ids) == found.text
    assert found.score == pytest.approx(found.token_scores.sum() / len(found.ids), rel=1e-5)
    found.token_scores[0] = 7
    assert repr(found) == f"Hypothesis({found.text!r}, score={found.score:.4f})"


def test_several_models_are_an_ensemble(world):
    lines = world.lines("test.de", 10)
    paths = [PATH, "other/checkpoint_last"]
    ensemble = Translator([world.path / path for path in paths], device="cpu")
    groups = world.interactive(f"--path {':'.join(paths)}", lines)
    assert [printed(found[0])[1] for found in ensemble.hypotheses(lines)] == [group["D"][0] for group in groups]
    assert repr(ensemble) == "Translator(de-en, 2 models)"


def test_a_language_model_is_fused(world):
    lines = world.lines("test.de", 10)
    fusion = "fusion/checkpoint_last"
    fused = Translator(world.path / PATH, device="cpu", lm_path=world.path / fusion, lm_weight=0.3)
    for weight in (0.3, 1.0):
        groups = world.interactive(f"--path {PATH} --lm-path {fusion} --lm-weight {weight}", lines)
        found = fused.hypotheses(lines, lm_weight=weight)
        assert [printed(found[0])[0] for found in found] == [group["H"][0] for group in groups]
    assert [fused.translate(line) for line in lines] == fused.translate(lines, lm_weight=0.3)


def test_neither_batches_nor_threads_change_a_bit(world, translator):
    lines = world.lines("test.de", 40)
    expected = [found[0] for found in translator.hypotheses(lines)]
    for settings in ({"batch_size": 1, "threads": 1}, {"max_tokens": 100}, {"threads": 3}):
        found = Translator(world.path / PATH, device="cpu", **settings).hypotheses(lines)
        for hypothesis, (same,) in zip(expected, found):
            np.testing.assert_array_equal(hypothesis.token_scores, same.token_scores)


def test_lines_of_tokens_are_taken_as_they_are(world, translator):
    line = world.lines("test.de", 1)[0]
    tokens = " ".join(translator.source_tokenizer.pieces(line))
    by_token = Translator(world.path / PATH, device="cpu", tokenized=True)
    assert by_token.translate(tokens) == translator.translate(line)


def test_scores_of_references_are_those_of_generate(world, translator):
    command = f"generate data-bin --cpu --path {PATH} --score-reference --in-order --print-alignment"
    printed_lines = [line for line in world.run(command).splitlines() if line.startswith(("H-", "P-"))]
    sources, targets = world.lines("test.de", 500), world.lines("test.en", 500)
    scored = translator.score(sources, targets, attention=True)
    expected = {}
    for line in printed_lines:
        head, rest = line.split("\t", 1)
        expected[head] = rest
    assert len(expected) == 1000
    for number, hypothesis in enumerate(scored):
        line, _, scores = printed(hypothesis)
        assert line == expected[f"H-{number}"]
        assert scores == expected[f"P-{number}"]
    one = translator.score(sources[0], targets[0], unnormalized=True)
    assert one.score == pytest.approx(float(scored[0].token_scores.sum()), rel=1e-5)
    assert one.attention is None


def test_a_line_that_is_too_long_stays_empty_with_a_warning(world, translator):
    long = "Der Hund schläft. " * 400
    with pytest.warns(UserWarning, match=r"text 1 has \d+ tokens, at most 1024 .*truncate_source=True"):
        assert translator.translate(["Ein Hund", long])[1] == ""
    cutting = Translator(world.path / PATH, device="cpu", truncate_source=True, max_len_b=5)
    assert cutting.translate(long) != ""


def test_progress_is_told_after_each_batch(world):
    lines = world.lines("test.de", 30)
    translator = Translator(world.path / PATH, device="cpu", batch_size=8, beam=1, max_len_b=5)
    calls = []
    translator.translate(["", *lines], progress=lambda *told: calls.append(told))
    assert calls[-1] == (30, 30)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls}) and len(calls) >= 4

    def failing(done, total):
        raise LookupError(f"{done} of {total}")

    with pytest.raises(LookupError, match="of 30"):
        translator.translate(lines, progress=failing)
    assert translator.translate(lines, progress=False) == translator.translate(lines)


def test_progress_true_is_a_bar_or_lines(world, translator, capsys, monkeypatch):
    lines = world.lines("test.de", 10)
    translator.translate(lines, progress=True)
    shown = capsys.readouterr()
    assert shown.out == "" and "translating" in shown.err and "10/10" in shown.err
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    translator.translate(lines, progress=True)
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("translating 10/10 texts, ")


@pytest.mark.parametrize("threads", [None, 1])
def test_ctrl_c_ends_the_work_between_batches(world, threads):
    lines = world.lines("train.de", 5000)
    translator = Translator(world.path / PATH, device="cpu", batch_size=1, threads=threads, beam=20)
    calls = []
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        translator.translate(lines, progress=lambda *told: calls.append(told))
    timer.join()
    assert 0 < len(calls) < 5000
    assert translator.translate(lines[0]) != "", "it works again"


def test_other_threads_run_meanwhile(world, translator):
    lines = world.lines("train.de", 200)
    stop, seen = threading.Event(), []

    def look():
        while not stop.is_set():
            seen.append(time.monotonic())
            time.sleep(0.001)

    watcher = threading.Thread(target=look)
    watcher.start()
    begin = time.monotonic()
    translator.translate(lines)
    end = time.monotonic()
    stop.set()
    watcher.join()
    inside = [moment for moment in seen if begin < moment < end]
    assert len(inside) > 10


def test_several_threads_share_a_translator(world, translator):
    lines = world.lines("test.de", 8)
    expected = translator.translate(lines)
    found = [None] * 4

    def work(place):
        found[place] = translator.translate(lines)

    workers = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [expected] * 4


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("nowhere",), FileNotFoundError, "nowhere: no checkpoint here"),
        (("data",), burnseq.Error, "data: no checkpoint here"),
        (("data-bin/dict.de.txt",), burnseq.Error, "no checkpoint here"),
        (([],), ValueError, "names no checkpoint"),
        (([PATH, "nowhere"],), FileNotFoundError, "nowhere"),
        ((3,), TypeError, "'path' must be a path or a list of paths, got int"),
        (("lm/checkpoint_last",), ValueError, "language_modeling"),
        (([PATH, "lm/checkpoint_last"],), ValueError, "language_modeling"),
    ],
)
def test_wrong_paths_are_refused(here, arguments, error, message):
    with pytest.raises(error) as raised:
        Translator(*arguments)
    assert message in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"device": "gpu"}, ValueError, "unknown device `gpu`"),
        ({"precision": "int8"}, ValueError, "unknown precision `int8`"),
        ({"device": "cpu", "precision": "tf32"}, ValueError, "use 'precision' fp32"),
        ({"threads": 0}, ValueError, "'threads' = 0: must be 1 to 1024"),
        ({"threads": 100_000}, ValueError, "'threads' = 100000"),
        ({"batch_size": 0}, ValueError, "'batch_size' must be at least 1"),
        ({"threads": -1}, ValueError, "'threads' = -1"),
        ({"batch_size": -1}, ValueError, "'batch_size' = -1: must not be below 0"),
        ({"max_tokens": 0}, ValueError, "'max_tokens' must be at least 1"),
        ({"lm_path": "nowhere"}, FileNotFoundError, "nowhere"),
        ({"lm_path": "lm/checkpoint_last"}, burnseq.Error, "is not the target dictionary"),
        ({"lm_weight": 0.3}, ValueError, "goes with 'lm_path'"),
        ({"model_overrides": {"colour": 3}}, ValueError, "unknown field `colour`"),
        ({"beam": 0}, ValueError, "'beam' = 0"),
        ({"beams": 3}, TypeError, "unexpected keyword argument 'beams'; choose from: beam, nbest"),
        ({"ignore_eos": True}, TypeError, "unexpected keyword argument 'ignore_eos'"),
    ],
)
def test_wrong_settings_are_refused(here, settings, error, message):
    with pytest.raises(error) as raised:
        Translator(PATH, **settings)
    assert message in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((3,), {}, TypeError, "'text' must be a str or a list of str, got int"),
        ((None,), {}, TypeError, "got NoneType"),
        ((b"Hund",), {}, TypeError, "item 0 is of type int"),
        ((["Hund", 4],), {}, TypeError, "item 1 is of type int"),
        (("ein\nHund",), {}, ValueError, "'text' has several lines"),
        ((["Hund", "ein\rHund"],), {}, ValueError, "item 1 of 'text' has several lines"),
        (("Hund",), {"beam": "x"}, ValueError, "'beam' = \"x\": invalid type"),
        (("Hund",), {"beam": 2.5}, ValueError, "expected a whole number"),
        (("Hund",), {"beam": -1}, ValueError, "'beam' = -1"),
        (("Hund",), {"beam": 10**30}, ValueError, "at most 64 bits"),
        (("Hund",), {"beam": True}, ValueError, "expected a whole number"),
        (("Hund",), {"constraints": True}, ValueError, "expected a str"),
        (("Hund",), {"lenpen": float("nan")}, ValueError, "'lenpen' = NaN"),
        (("Hund",), {"lenpen": object()}, TypeError, "'lenpen' must be a number"),
        (("Hund",), {"nbest": 9}, ValueError, "call hypotheses()"),
        (("Hund",), {"sampling": True, "diversity_rate": 0.5}, ValueError, "exclude each other"),
        (("Hund",), {"sampling_topk": 5}, ValueError, "'sampling_topk' goes with 'sampling'"),
        (("Hund",), {"constraints": "loose"}, ValueError, "unknown variant `loose`"),
        (("Hund\tXylofon",), {"constraints": "ordered"}, ValueError, "line 1: the constraint"),
        (("Hund",), {"threads": 2}, TypeError, "unexpected keyword argument 'threads'"),
        (("Hund",), {"progress": 3}, TypeError, "'progress' must be True, False or a function"),
        (("Hund",), {"retain_dropout": True, "retain_dropout_modules": ["Cellar"]}, ValueError, "Cellar"),
    ],
)
def test_wrong_arguments_of_a_call_are_refused(translator, arguments, options, error, message):
    with pytest.raises(error) as raised:
        translator.translate(*arguments, **options)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_scores_need_a_target_for_each_source(translator):
    for source, target, message in [
        (["a", "b"], ["c"], "'source' is a list of 2, and 'target' is a list of 1"),
        ("a", ["c"], "'source' is a str"),
        (["Hund", " "], ["dog", "dog"], "line 2: holds no word"),
        ("Der Hund schläft. " * 400, "dog", "split the line"),
    ]:
        with pytest.raises(ValueError, match=message):
            translator.score(source, target)
    with pytest.raises(TypeError, match="unexpected keyword argument 'beam'; choose from: attention"):
        translator.score("Hund", "dog", beam=3)
    with pytest.raises(burnseq.Error, match="sentence 0"):
        translator.score("Hund", "dog " * 2000)
    assert translator.score([], []) == []


def test_damaged_checkpoints_are_named(world, tmp_path):
    import shutil

    def damaged(change):
        folder = tmp_path / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(world.path / PATH, folder)
        change(folder)
        with pytest.raises(burnseq.Error) as raised:
            Translator(folder)
        assert "\n" not in str(raised.value)
        return str(raised.value)

    assert "checkpoint.json" in damaged(lambda folder: (folder / "checkpoint.json").write_text("{"))
    assert "model.safetensors" in damaged(lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 50))
    assert "dict.src.txt" in damaged(lambda folder: (folder / "dict.src.txt").write_text("a\n"))

    folder = tmp_path / "missing"
    shutil.copytree(world.path / PATH, folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises((FileNotFoundError, burnseq.Error), match="model.safetensors"):
        Translator(folder)


def test_there_is_no_class_without_a_task(translator):
    assert not hasattr(burnseq, "Classifier")
    assert burnseq.__version__
    assert (translator.source_lang, translator.target_lang) == ("de", "en")
    assert repr(translator) == "Translator(de-en)"
