"""Makes the .pt files of this folder; the tests name the values.

python3 make.py values    # PyTorch 2.15.0, numpy 2.4.6: values.pt, values.legacy.pt
python3 make.py config    # OmegaConf, whose version goes into the file's name: config.VERSION.pt
"""

import argparse
import collections
import dataclasses
import sys
import typing

import torch


def values():
    import numpy

    whole = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 4
    tied = torch.tensor([[0.5, -0.0], [1e-45, 3e38]])
    tree = collections.OrderedDict(
        f32=whole,
        row=whole[1],
        transposed=whole.t(),
        f64=torch.tensor([1 / 3], dtype=torch.float64),
        f16=torch.tensor([1.5, -65504.0, 6e-8], dtype=torch.float16),
        bf16=torch.tensor([1.5, -3e38], dtype=torch.bfloat16),
        i64=torch.tensor([7], dtype=torch.int64),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.ones(2)),
        tied=tied,
        tied_again=tied,
        numpy=numpy.float64(0.1),
        numpy_int=numpy.int64(-5),
        tuple=(1, -2, None, True, 2.5, "ä"),
        set={3},
        size=torch.Size([2, 3]),
        dtype=torch.float16,
        args=argparse.Namespace(arch="transformer", lr=[0.0005]),
    )
    tree._metadata = collections.OrderedDict(version=1)
    torch.save(tree, "values.pt")
    torch.save(tree, "values.legacy.pt", _use_new_zipfile_serialization=False)


@dataclasses.dataclass
class Optimization:
    lr: typing.List[float] = dataclasses.field(default_factory=lambda: [0.0005])
    max_epoch: int = 7
    clip_norm: float = 0.0
    sentence_avg: bool = False
    note: typing.Optional[str] = None


def config():
    import omegaconf

    # Configurations refer to the classes of their sections by name.
    Optimization.__module__ = "fairseq.dataclass.configs"
    module = type(sys)("fairseq.dataclass.configs")
    module.Optimization = Optimization
    sys.modules["fairseq"] = type(sys)("fairseq")
    sys.modules["fairseq.dataclass"] = type(sys)("fairseq.dataclass")
    sys.modules["fairseq.dataclass.configs"] = module

    cfg = omegaconf.OmegaConf.create(
        {
            "optimization": omegaconf.OmegaConf.structured(Optimization),
            "model": {"_name": "transformer", "encoder_layers": 3, "dropout": 0.1, "gone": None},
            "optimizer": {"_name": "adam", "lr": "${optimization.lr}", "adam_betas": "(0.9, 0.98)"},
        }
    )
    weights = {"encoder.embed_tokens.weight": torch.ones(1)}
    torch.save({"args": None, "cfg": cfg, "model": weights}, f"config.{omegaconf.__version__}.pt")


{"values": values, "config": config}[sys.argv[1]]()
