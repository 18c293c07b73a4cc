"""Tokens and ids are those that `preprocess` writes."""

import struct

import numpy as np
import pytest

from burnseq import LanguageModel, Tokenizer, Translator


def sentences(prefix):
    """The sentences of an indexed dataset, in fairseq's format."""
    index = prefix.with_name(prefix.name + ".idx").read_bytes()
    assert index.startswith(b"MMIDIDX\x00\x00")
    _, code, count = struct.unpack_from("<QBQ", index, 9)
    sizes = np.frombuffer(index, np.int32, count, 26)
    kind = {4: np.int32, 8: np.uint16}[code]
    ids = np.fromfile(prefix.with_name(prefix.name + ".bin"), kind)
    return np.split(ids, np.cumsum(sizes)[:-1])


@pytest.mark.parametrize("lang", ["de", "en"])
def test_ids_are_those_of_the_dataset(world, lang):
    tokenizer = Tokenizer(world.path / "data-bin", lang)
    lines = world.lines(f"test.{lang}", 500)
    encoded = tokenizer.encode(lines)
    for found, expected in zip(encoded, sentences(world.path / f"data-bin/test.de-en.{lang}"), strict=True):
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, expected)
    # The training text lacks a few pieces of the test text.
    known = [tokenizer.unk not in ids for ids in encoded]
    assert sum(known) > 450
    decoded = tokenizer.decode(encoded)
    for found, ids, line, is_known in zip(decoded, encoded, lines, known, strict=True):
        assert tokenizer.decode(ids) == found
        assert (found == line) == is_known


def test_pieces_have_the_ids_of_the_dictionary(world):
    tokenizer = Tokenizer(world.path / "data-bin", lang="de")
    pieces = tokenizer.pieces("Der Hund schläft.")
    ids = tokenizer.encode("Der Hund schläft.", append_eos=False)
    assert [tokenizer.token_to_id(piece) for piece in pieces] == ids.tolist()
    assert [tokenizer.id_to_token(id) for id in ids] == pieces
    assert tokenizer.encode("Der Hund schläft.").tolist() == [*ids, tokenizer.eos]
    types = (world.path / "data-bin/dict.de.txt").read_text(encoding="utf-8").splitlines()
    assert len(tokenizer) == len(types) + 4
    assert tokenizer.id_to_token(4) == types[0].rsplit(" ", 1)[0]
    assert [tokenizer.bos, tokenizer.pad, tokenizer.eos, tokenizer.unk] == [0, 1, 2, 3]
    assert tokenizer.token_to_id("no such token") is None
    assert tokenizer.unk in tokenizer.encode("語")
    assert tokenizer.encode("").tolist() == [tokenizer.eos] and tokenizer.pieces("") == []
    assert tokenizer.pieces(["ein", ""]) == [tokenizer.pieces("ein"), []]


def test_ids_come_as_arrays_and_lists(world):
    tokenizer = Tokenizer(world.path / "data-bin", "de")
    ids = tokenizer.encode("Der Hund schläft.")
    for form in (ids, ids.tolist(), tuple(ids.tolist()), ids.astype(np.int32), ids.astype(np.uint16)):
        assert tokenizer.decode(form) == "Der Hund schläft."
    padded = np.stack([np.pad(ids, (0, 2), constant_values=tokenizer.pad)] * 2)
    assert tokenizer.decode(padded) == ["Der Hund schläft."] * 2
    assert tokenizer.decode([]) == "" and tokenizer.decode([[], ids]) == ["", "Der Hund schläft."]


def test_models_have_the_tokenizers_of_their_data(world):
    line = world.lines("test.de", 1)[0]
    checkpoint = world.path / "checkpoints/checkpoint_last"
    translator = Translator(checkpoint, device="cpu")
    for tokenizer in (Tokenizer(checkpoint, "de"), translator.source_tokenizer):
        np.testing.assert_array_equal(tokenizer.encode(line), Tokenizer(world.path / "data-bin", "de").encode(line))
    assert len(translator.target_tokenizer) == len(Tokenizer(checkpoint, "en")) == len(Tokenizer(world.path / "data-bin", "en"))

    by_character = Tokenizer(world.path / "text-bin")
    assert by_character.pieces("a dog") == ["a", "\u2581", "d", "o", "g"]
    assert by_character.decode(by_character.encode("a dog")) == "a dog"
    model = LanguageModel(world.path / "lm/checkpoint_last", device="cpu")
    for tokenizer in (model.tokenizer, Tokenizer(world.path / "lm/checkpoint_last")):
        np.testing.assert_array_equal(tokenizer.encode("a dog"), by_character.encode("a dog"))


def test_wrong_arguments_are_refused(here, tmp_path):
    tokenizer = Tokenizer("data-bin", "de")
    for call, error, message in [
        (lambda: Tokenizer("nowhere"), FileNotFoundError, "nowhere"),
        (lambda: Tokenizer("data"), ValueError, "neither a checkpoint nor a folder of `preprocess`"),
        (lambda: Tokenizer("data-bin"), ValueError, "choose one with 'lang': de, en"),
        (lambda: Tokenizer("data-bin", "fr"), ValueError, "choose one of: de, en"),
        (lambda: Tokenizer("checkpoints/checkpoint_last"), ValueError, "choose one with 'lang': de, en"),
        (lambda: Tokenizer("data-bin/spm.model"), ValueError, "is a file"),
        (lambda: Tokenizer(5), TypeError, ""),
        (lambda: tokenizer.decode([-1]), ValueError, "no id -1"),
        (lambda: tokenizer.decode([len(tokenizer)]), ValueError, f"no id {len(tokenizer)}"),
        (lambda: tokenizer.decode([2**40]), ValueError, "no id 1099511627776"),
        (lambda: tokenizer.decode([1.5]), TypeError, "'ids' must be"),
        (lambda: tokenizer.decode(["a"]), TypeError, "'ids' must be"),
        (lambda: tokenizer.decode("abc"), TypeError, "'ids' must be"),
        (lambda: tokenizer.decode(3), TypeError, "'ids' must be"),
        (lambda: tokenizer.id_to_token(-1), ValueError, "no id -1"),
        (lambda: tokenizer.encode(3), TypeError, "'text' must be"),
        (lambda: tokenizer.encode("a\nb"), ValueError, "several lines"),
    ]:
        with pytest.raises(error) as raised:
            call()
        assert message in str(raised.value)
    assert repr(tokenizer) == f"Tokenizer({len(tokenizer)} types)"
