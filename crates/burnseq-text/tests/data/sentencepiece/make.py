"""Writes what the real SentencePiece 0.2.3 makes of text.txt, as a yardstick for ours:

- vocab.txt, segmented.txt: the BPE vocabulary that it learns, and its segmentation
- unigram.model, bytes.model: a unigram model and a BPE model that falls back to bytes, both with a
  user-defined symbol, and their segmentations in *.segmented.txt

Usage: python make.py   (needs `pip install sentencepiece==0.2.3`)
"""
import io
import pathlib

import sentencepiece

here = pathlib.Path(__file__).parent
lines = (here / "text.txt").read_text(encoding="utf-8").splitlines()


def train(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, minloglevel=2, **options
    )
    return model.getvalue()


def write_segmented(model, held_out, name):
    sp = sentencepiece.SentencePieceProcessor(model_proto=model)
    segmented = [" ".join(sp.encode(line, out_type=str)) + "\n" for line in lines + held_out]
    (here / name).write_text("".join(segmented), encoding="utf-8")
    return sp


bpe = train(model_type="bpe", vocab_size=400, normalization_rule_name="nmt_nfkc", character_coverage=0.99)
held_out = ["Unbekannte Wörter: Quatsch, Ψ, Ж, 2025!", "ﬁne\u00a0Ｗide  ½", "aaaaaaaaaaaa abababababab"]
sp = write_segmented(bpe, held_out, "segmented.txt")
pieces = [f"{sp.id_to_piece(i)}\t{sp.get_score(i):g}\n" for i in range(len(sp))]
(here / "vocab.txt").write_text("".join(pieces), encoding="utf-8")

# Small files: without the tables of a normaliser.
small = dict(normalization_rule_name="identity", user_defined_symbols=["<sep>"])
for name, options in {
    "unigram": dict(model_type="unigram", vocab_size=180),
    "bytes": dict(model_type="bpe", vocab_size=400, byte_fallback=True, character_coverage=0.98),
}.items():
    model = train(**small, **options)
    (here / f"{name}.model").write_bytes(model)
    write_segmented(model, ["a<sep>b <sep>Hund ΨЖ x", "猫犬 und die Katze"], f"{name}.segmented.txt")
