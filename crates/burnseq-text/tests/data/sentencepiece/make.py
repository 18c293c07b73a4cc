"""Writes vocab.txt: what the real SentencePiece 0.2.3 learns from text.txt, as a yardstick for ours.

Usage: python make.py   (needs `pip install sentencepiece==0.2.3`)
"""
import io
import pathlib

import sentencepiece

here = pathlib.Path(__file__).parent
model = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    input=str(here / "text.txt"),
    model_writer=model,
    model_type="bpe",
    vocab_size=400,
    normalization_rule_name="nmt_nfkc",
    character_coverage=0.99,
    minloglevel=2,
)
sp = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
pieces = [f"{sp.id_to_piece(i)}\t{sp.get_score(i):g}\n" for i in range(len(sp))]
(here / "vocab.txt").write_text("".join(pieces), encoding="utf-8")
lines = (here / "text.txt").read_text(encoding="utf-8").splitlines()
held_out = lines + ["Unbekannte Wörter: Quatsch, Ψ, Ж, 2025!", "ﬁne\u00a0Ｗide  ½", "aaaaaaaaaaaa abababababab"]
segmented = [" ".join(sp.encode(line, out_type=str)) + "\n" for line in held_out]
(here / "segmented.txt").write_text("".join(segmented), encoding="utf-8")
