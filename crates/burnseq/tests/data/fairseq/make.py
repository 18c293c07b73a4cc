"""Checkpoints of fairseq's LightConv, LSTM and fconv after two updates, and what these models compute.

Run in this folder with fairseq at commit 3d262bb2 on the path (Python 3.11.2, torch 1.13.1, numpy 1.24.2, omegaconf 2.0.6,
hydra-core 1.0.7). Newer versions of Python need the mutable defaults of its dataclasses to be hashable, and its tasks for
speech need packages that are not needed here; nothing else of fairseq was changed.
"""

import json

import torch
from fairseq import options, tasks
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.trainer import Trainer

torch.set_num_threads(1)

MODELS = {
    "lightconv": (
        "--arch lightconv_iwslt_de_en --encoder-embed-dim 4 --encoder-ffn-embed-dim 4 --encoder-layers 1 "
        "--encoder-attention-heads 2 --encoder-kernel-size-list 3 --decoder-embed-dim 4 --decoder-ffn-embed-dim 4 "
        "--decoder-layers 2 --decoder-attention-heads 2 --decoder-kernel-size-list [3,2] --decoder-normalize-before "
        "--decoder-conv-type lightweight --encoder-glu True --share-decoder-input-output-embed"
    ),
    "lstm": (
        "--arch lstm --encoder-embed-dim 4 --encoder-hidden-size 3 --encoder-bidirectional --encoder-freeze-embed "
        "--decoder-embed-dim 4 --decoder-hidden-size 5 --decoder-out-embed-dim 4 --decoder-dropout-in 0"
    ),
    "fconv": (
        "--arch fconv --encoder-embed-dim 4 --encoder-layers [(4,3)]+[(6,2)] --decoder-embed-dim 4 --decoder-layers "
        "[(4,3),(6,1,0)] --decoder-attention [True,False] --decoder-out-embed-dim 4 --share-input-output-embed"
    ),
}
SRC = [[1, 4, 5, 6, 2], [7, 8, 9, 4, 2]]
TARGET = [[5, 6, 2, 1], [4, 7, 8, 2]]
PREV = [[2, 5, 6, 1], [2, 4, 7, 8]]

for lang, types in (("xx", 6), ("yy", 5)):
    with open(f"dict.{lang}.txt", "w") as file:
        file.writelines(f"{lang}{number} 1\n" for number in range(types))

expected = {}
for name, flags in MODELS.items():
    words = [".", "-s", "xx", "-t", "yy", *flags.split()]
    words += ["--optimizer", "adam", "--adam-betas", "(0.9, 0.98)", "--lr", "1e-2", "--criterion", "cross_entropy"]
    words += ["--cpu", "--max-tokens", "100", "--max-source-positions", "12", "--max-target-positions", "12"]
    cfg = convert_namespace_to_omegaconf(options.parse_args_and_arch(options.get_training_parser(), words))
    torch.manual_seed(1)
    task = tasks.setup_task(cfg.task)
    model = task.build_model(cfg.model)
    for key, parameter in model.named_parameters():
        if key.endswith("conv_bias"):
            parameter.data.zero_()  # it is never initialised, nor used
    trainer = Trainer(cfg, task, model, task.build_criterion(cfg.criterion))
    trainer._gathered_optim_state = None
    inputs = {
        "src_tokens": torch.tensor(SRC),
        "src_lengths": torch.tensor([4, 5]),
        "prev_output_tokens": torch.tensor(PREV),
    }
    # The LSTM wants the longest source first.
    order = torch.tensor([1, 0])
    inputs = {key: value[order] for key, value in inputs.items()}
    target = torch.tensor(TARGET)[order]
    sample = {"id": order, "nsentences": 2, "ntokens": 7, "net_input": inputs, "target": target}
    for _ in range(2):
        trainer.train_step([sample])
    position = {"version": 2, "epoch": 1, "iterations_in_epoch": 2, "shuffle": True}
    trainer.save_checkpoint(f"{name}.pt", {"train_iterator": position, "val_loss": None})
    model.eval()
    with torch.no_grad():
        logits = model(**inputs)[0]
    numbered = [key for key, parameter in model.named_parameters() if parameter.requires_grad]
    expected[name] = {"logits": logits.flatten().tolist(), "shape": list(logits.shape), "parameters": numbered}
expected["src_tokens"] = torch.tensor(SRC)[order].tolist()
expected["prev_output_tokens"] = torch.tensor(PREV)[order].tolist()
with open("expected.json", "w") as file:
    json.dump(expected, file, indent=1)
    file.write("\n")
