"""Makes fairseq_searches.json: scores of searches that golden/generate has no runs of.

The first 200 sentences of golden/generate/data-bin go through fairseq-interactive (commit 3d262bb2, torch 2.15.0,
Python 3.11.7) with golden/generate/model.pt on the processor:

    python fairseq_searches.py input golden/generate          # writes plain.in, ordered.in, unordered.in
    fairseq-interactive golden/generate/data-bin --path model.pt -s de -t en --cpu --beam 5 --nbest 5 \
        --buffer-size 200 --batch-size 40 --required-batch-size-multiple 1 OPTIONS < NAME.in > NAME.out
    python fairseq_searches.py output                         # reads NAME.out, writes fairseq_searches.json

OPTIONS is `--diversity-rate 0.5` for plain, `--constraints ordered` for ordered, `--constraints unordered` for
unordered. The constraints of a sentence are token 1, and tokens 4 and 5 together, of its reference, as far as it has
them; the unordered ones are given last first.
"""

import json
import struct
import sys

import numpy

SENTENCES = 200


def sentences(prefix):
    index = open(prefix + ".idx", "rb").read()
    count = struct.unpack("<Q", index[18:26])[0]
    sizes = numpy.frombuffer(index[26 : 26 + 4 * count], "<i4")
    tokens = numpy.fromfile(prefix + ".bin", {4: "<i4", 8: "<u2"}[index[17]])
    return [part[:-1] for part in numpy.split(tokens, numpy.cumsum(sizes)[:-1])]  # without </s>


def write_input(folder):
    def text(language):
        lines = open(f"{folder}/data-bin/dict.{language}.txt", encoding="utf-8")
        symbols = ["<s>", "<pad>", "</s>", "<unk>"] + [line.rsplit(" ", 1)[0] for line in lines]
        data = sentences(f"{folder}/data-bin/test.de-en.{language}")
        return [[symbols[token] for token in sentence] for sentence in data[:SENTENCES]]

    files = {name: open(f"{name}.in", "w", encoding="utf-8") for name in ("plain", "ordered", "unordered")}
    for source, target in zip(text("de"), text("en")):
        constraints = [" ".join(words) for words in (target[1:2], target[4:6]) if words]
        source = " ".join(source)
        print(source, file=files["plain"])
        print("\t".join([source] + constraints), file=files["ordered"])
        print("\t".join([source] + constraints[::-1]), file=files["unordered"])


def write_output():
    scores = {}
    for name in ("plain", "ordered", "unordered"):
        found = [[] for _ in range(SENTENCES)]
        for line in open(f"{name}.out", encoding="utf-8"):
            if line.startswith("H-"):
                number, score, _ = line.split("\t")
                found[int(number[2:])].append(round(float(score), 6))
        scores[name] = found
    json.dump(
        {
            "diversity_rate_0.5": scores["plain"],
            "ordered_best": [found[0] for found in scores["ordered"]],
            "unordered_best": [found[0] for found in scores["unordered"]],
        },
        open("fairseq_searches.json", "w"),
    )


if __name__ == "__main__":
    write_input(sys.argv[2]) if sys.argv[1] == "input" else write_output()
