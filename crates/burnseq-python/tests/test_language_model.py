"""Scores and texts are those of the command line."""

import re

import numpy as np
import pytest

import burnseq
from burnseq import LanguageModel

MODELS = ["lm/checkpoint_last", "fusion/checkpoint_last"]


@pytest.fixture(scope="module", params=MODELS)
def model(request, world):
    loaded = LanguageModel(world.path / request.param, device="cpu")
    return request.param, loaded


def test_scores_of_tokens_are_those_of_eval_lm(world, model):
    path, model = model
    lines = [*world.lines("test.en", 20), "", "x " * 200]
    text = "".join(f"{line}\n" for line in lines)
    printed = world.run(f"burnseq eval-lm --cpu --path {path} --input - --output-word-probs", text).splitlines()
    scored = model.score(lines)
    assert len(scored) == len(lines)
    for number, (found, line) in enumerate(zip(scored, lines)):
        words = [f"{token} [{score:.6f}]" for token, score in zip(found.tokens, found.token_scores)]
        assert "\t".join(words) == printed[number].removeprefix(f"{number} ")
        assert (found.text, len(found.ids)) == (line, len(found.tokens))
        assert (found.ids.dtype, found.token_scores.dtype) == (np.int64, np.float32)
        assert found.ids[-1] == model.tokenizer.eos
        assert found.log_prob == pytest.approx(found.token_scores.astype(np.float64).sum())
    assert model.score(lines[0]).log_prob == scored[0].log_prob


def test_perplexities_are_those_of_eval_lm(world, model):
    path, model = model
    lines = world.lines("test.en", 20)
    text = "".join(f"{line}\n" for line in lines)
    printed = world.run(f"burnseq eval-lm --cpu --path {path} --input -", text)
    of_lines = [line.split("\t")[2] for line in printed.splitlines() if line.startswith("L-")]
    assert [f"{scored.perplexity:.2f}" for scored in model.score(lines)] == of_lines
    assert [f"{model.perplexity(line):.2f}" for line in lines] == of_lines
    of_all = re.search(r"^Loss .*Perplexity: ([\d.]+)", printed, re.MULTILINE)[1]
    assert f"{model.perplexity(lines):.2f}" == of_all


def test_a_text_of_several_lines_is_one_text(world):
    model = LanguageModel(world.path / MODELS[0], device="cpu")
    lines = ["the dog sleeps", "a man reads"]
    together = model.score("\n".join(lines))
    first = model.score(lines[0])
    assert together.tokens.count("</s>") == 2
    np.testing.assert_array_equal(together.token_scores[: len(first.token_scores)], first.token_scores)
    # It fits into a block.
    (world.path / "two.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command = f"burnseq eval-lm --cpu --path {MODELS[0]} --input two.txt --sample-break-mode none --tokens-per-sample 64"
    printed = re.search(r"Perplexity: ([\d.]+)", world.run(command))[1]
    assert f"{together.perplexity:.2f}" == printed != f"{model.perplexity(lines):.2f}"


def test_a_context_window_helps_long_texts(world):
    model = LanguageModel(world.path / MODELS[0], device="cpu")
    text = " ".join(world.lines("test.en", 10))
    (world.path / "long.txt").write_text(text + "\n", encoding="utf-8")
    for window in (0, 16):
        command = f"burnseq eval-lm --cpu --path {MODELS[0]} --input long.txt --context-window {window}"
        printed = re.search(r"Perplexity: ([\d.]+)", world.run(command))[1]
        assert f"{model.perplexity(text, context_window=window):.2f}" == printed
    with pytest.raises(ValueError, match="'context_window' 64 leaves nothing of the 64 positions"):
        model.score(text, context_window=64)
    begins_with_bos = LanguageModel(world.path / MODELS[1], device="cpu")
    with pytest.raises(ValueError, match="'context_window' does not go with a model whose blocks begin with <s>"):
        begins_with_bos.score(text, context_window=4)


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ("--beam 1", {"beam": 1}),
        ("--beam 3 --max-len-b 9", {"beam": 3, "max_len_b": 9}),
        ("--beam 1 --continuation-only", {"beam": 1, "continuation_only": True}),
        ("--sampling --beam 1 --seed 5 --sampling-topk 20", {"sampling": True, "beam": 1, "seed": 5, "sampling_topk": 20}),
        ("--beam 1 --ignore-eos --max-len-b 30", {"beam": 1, "ignore_eos": True, "max_len_b": 30}),
        ("--beam 1 --ignore-eos --sliding-window --max-len-b 90", {"beam": 1, "ignore_eos": True, "sliding_window": True, "max_len_b": 90}),
    ],
)
def test_texts_are_those_of_generate(world, model, flags, options):
    path, model = model
    prompts = ["the dog", "a", "", "the man says"]
    given = " ".join(f"--prompt '{prompt}'" for prompt in prompts)
    printed = world.run(f"generate --cpu --path {path} {given} {flags}")
    end = "\n\n" if options.get("ignore_eos") else "\n"
    assert "".join(text + end for text in model.generate(prompts, **options)) == printed


def test_hypotheses_are_the_best_texts(world, model):
    path, model = model
    printed = world.run(f"generate --cpu --path {path} --prompt 'the dog' --beam 4 --nbest 3 --max-len-b 12")
    found = model.hypotheses("the dog", beam=4, nbest=3, max_len_b=12)
    assert [hypothesis.text for hypothesis in found] == printed.splitlines()
    assert [hypothesis.score for hypothesis in found] == sorted((h.score for h in found), reverse=True)
    for hypothesis in found:
        assert len(hypothesis.ids) == len(hypothesis.token_scores) == len(hypothesis.tokens) <= 13
        assert hypothesis.score == pytest.approx(hypothesis.token_scores.sum() / len(hypothesis.ids), rel=1e-5)
        assert hypothesis.attention is None and hypothesis.source_tokens == []


def test_a_prompt_that_is_too_long_is_cut_with_a_warning(world):
    model = LanguageModel(world.path / MODELS[0], device="cpu", beam=1)
    prompt = " ".join(world.lines("test.en", 6))
    expected = world.run(f"generate --cpu --path {MODELS[0]} --beam 1 --prompt '{prompt}'")
    with pytest.warns(UserWarning, match=r"prompt 0 has \d+ tokens, .*cut from the left"):
        assert model.generate(prompt) + "\n" == expected


def test_progress_counts_texts(world, model):
    _, model = model
    calls = []
    model.generate(["a", "b"], beam=1, max_len_b=3, progress=lambda *told: calls.append(told))
    assert calls[-1] == (2, 2)
    calls.clear()
    model.score(["a"] * 300, progress=lambda *told: calls.append(told))
    assert calls[-1] == (300, 300) and len(calls) > 1


def test_wrong_arguments_are_refused(here, model):
    path, model = model
    for call, error, message in [
        (lambda: LanguageModel("nowhere"), FileNotFoundError, "nowhere"),
        (lambda: LanguageModel("checkpoints/checkpoint_last"), ValueError, "translation"),
        (lambda: LanguageModel(path, constraints="ordered"), TypeError, "'constraints'"),
        (lambda: model.generate("a", attention=True), TypeError, "'attention'"),
        (lambda: model.generate("a", nbest=2), ValueError, "hypotheses()"),
        (lambda: model.generate(7), TypeError, "'prompt' must be a str"),
        (lambda: model.generate("a", beam=0), ValueError, "'beam' = 0"),
        (lambda: model.score(["a", None]), TypeError, "item 1 is of type NoneType"),
        (lambda: model.score("a", context_window=-1), ValueError, "'context_window' = -1: must not be below 0"),
        (lambda: model.perplexity([]), ValueError, "empty list"),
    ]:
        with pytest.raises(error) as raised:
            call()
        assert message in str(raised.value) and "\n" not in str(raised.value)
    assert model.score([]) == [] and model.generate([]) == []
    assert repr(model) == f"LanguageModel({len(model.tokenizer)} types)"
    assert issubclass(burnseq.Error, Exception)
