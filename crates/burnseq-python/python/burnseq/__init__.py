"""Translate, score and generate text with models that burnseq has trained.

>>> from burnseq import Translator
>>> translator = Translator("checkpoints/checkpoint_best")
>>> translator.translate("Der Hund schläft.")
'The dog sleeps.'

``Translator`` translates, ``LanguageModel`` scores and continues text, ``Tokenizer`` turns text into ids and back. Keyword
arguments have the names of the command line's flags, and log-probabilities are in nats.
"""

from ._burnseq import (
    Error,
    Hypothesis,
    LanguageModel,
    ScoredText,
    Tokenizer,
    Translator,
    __version__,
)

__all__ = [
    "Error",
    "Hypothesis",
    "LanguageModel",
    "ScoredText",
    "Tokenizer",
    "Translator",
    "__version__",
]
