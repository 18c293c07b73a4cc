"""Translate, score and generate text with models that burnseq has trained."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypedDict, final, overload

import numpy as np
import numpy.typing as npt
from typing_extensions import Unpack

__all__ = [
    "Error",
    "Hypothesis",
    "LanguageModel",
    "ScoredText",
    "Tokenizer",
    "Translator",
    "__version__",
]

__version__: str

_Path = str | os.PathLike[str]
_Progress = bool | Callable[[int, int], object] | None
_Ids = npt.NDArray[np.integer[Any]] | list[int] | tuple[int, ...]

class _Search(TypedDict, total=False):
    beam: int | None
    nbest: int | None
    lenpen: float | None
    unkpen: float | None
    min_len: int | None
    max_len_a: float | None
    max_len_b: int | None
    temperature: float | None
    unnormalized: bool | None
    no_repeat_ngram_size: int | None
    sampling: bool | None
    sampling_topk: int | None
    sampling_topp: float | None
    diverse_beam_groups: int | None
    diverse_beam_strength: float | None
    diversity_rate: float | None
    retain_dropout: bool | None
    retain_dropout_modules: list[str] | None
    seed: int | None

class _TranslationOptions(_Search, total=False):
    attention: bool | None
    constraints: Literal["ordered", "unordered"] | None
    lm_weight: float | None
    match_source_len: bool | None

class _GenerationOptions(_Search, total=False):
    ignore_eos: bool | None

class _ScoreOptions(TypedDict, total=False):
    lenpen: float | None
    unnormalized: bool | None
    temperature: float | None
    attention: bool | None

class Error(Exception):
    """A file is damaged or does not fit the others; the message names the file and the remedy."""

@final
class Hypothesis:
    """A translation or a generated text, with its scores; log-probabilities are in nats."""

    @property
    def text(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def tokens(self) -> list[str]: ...
    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """[tgt_len]"""
    @property
    def token_scores(self) -> npt.NDArray[np.float32]:
        """[tgt_len]"""
    @property
    def source_tokens(self) -> list[str]: ...
    @property
    def attention(self) -> npt.NDArray[np.float32] | None:
        """[tgt_len, src_len]"""
    @property
    def alignment(self) -> npt.NDArray[np.int64] | None:
        """[tgt_len - 1, 2]: places in the source and in the target, from 0"""

@final
class ScoredText:
    """A text with the log-probabilities, in nats, that a language model gives to its tokens."""

    @property
    def text(self) -> str: ...
    @property
    def tokens(self) -> list[str]: ...
    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """[len]"""
    @property
    def token_scores(self) -> npt.NDArray[np.float32]:
        """[len]"""
    @property
    def log_prob(self) -> float: ...
    @property
    def perplexity(self) -> float: ...

@final
class Translator:
    """A trained translation model: raw text in, raw text out."""

    def __new__(
        cls,
        path: _Path | list[_Path] | tuple[_Path, ...],
        *,
        device: str = "auto",
        precision: str | None = None,
        threads: int | None = None,
        batch_size: int | None = None,
        max_tokens: int | None = None,
        lm_path: _Path | None = None,
        model_overrides: dict[str, Any] | None = None,
        tokenized: bool = False,
        truncate_source: bool = False,
        **options: Unpack[_TranslationOptions],
    ) -> Translator: ...
    @overload
    def translate(self, text: str, *, progress: _Progress = None, **options: Unpack[_TranslationOptions]) -> str: ...  # type: ignore[overload-overlap]
    @overload
    def translate(
        self, text: Iterable[str], *, progress: _Progress = None, **options: Unpack[_TranslationOptions]
    ) -> list[str]: ...
    @overload
    def hypotheses(  # type: ignore[overload-overlap]
        self, text: str, *, progress: _Progress = None, **options: Unpack[_TranslationOptions]
    ) -> list[Hypothesis]: ...
    @overload
    def hypotheses(
        self, text: Iterable[str], *, progress: _Progress = None, **options: Unpack[_TranslationOptions]
    ) -> list[list[Hypothesis]]: ...
    @overload
    def score(  # type: ignore[overload-overlap]
        self, source: str, target: str, *, progress: _Progress = None, **options: Unpack[_ScoreOptions]
    ) -> Hypothesis: ...
    @overload
    def score(
        self,
        source: Iterable[str],
        target: Iterable[str],
        *,
        progress: _Progress = None,
        **options: Unpack[_ScoreOptions],
    ) -> list[Hypothesis]: ...
    @property
    def source_lang(self) -> str: ...
    @property
    def target_lang(self) -> str: ...
    @property
    def source_tokenizer(self) -> Tokenizer: ...
    @property
    def target_tokenizer(self) -> Tokenizer: ...

@final
class LanguageModel:
    """A trained language model: scores of text, and text that continues a prompt."""

    def __new__(
        cls,
        path: _Path,
        *,
        device: str = "auto",
        precision: str | None = None,
        threads: int | None = None,
        model_overrides: dict[str, Any] | None = None,
        **options: Unpack[_GenerationOptions],
    ) -> LanguageModel: ...
    @overload
    def score(self, text: str, *, context_window: int = 0, progress: _Progress = None) -> ScoredText: ...  # type: ignore[overload-overlap]
    @overload
    def score(
        self, text: Iterable[str], *, context_window: int = 0, progress: _Progress = None
    ) -> list[ScoredText]: ...
    def perplexity(
        self, text: str | Iterable[str], *, context_window: int = 0, progress: _Progress = None
    ) -> float: ...
    @overload
    def generate(  # type: ignore[overload-overlap]
        self,
        prompt: str,
        *,
        continuation_only: bool = False,
        sliding_window: bool = False,
        progress: _Progress = None,
        **options: Unpack[_GenerationOptions],
    ) -> str: ...
    @overload
    def generate(
        self,
        prompt: Iterable[str],
        *,
        continuation_only: bool = False,
        sliding_window: bool = False,
        progress: _Progress = None,
        **options: Unpack[_GenerationOptions],
    ) -> list[str]: ...
    @overload
    def hypotheses(  # type: ignore[overload-overlap]
        self,
        prompt: str,
        *,
        continuation_only: bool = False,
        sliding_window: bool = False,
        progress: _Progress = None,
        **options: Unpack[_GenerationOptions],
    ) -> list[Hypothesis]: ...
    @overload
    def hypotheses(
        self,
        prompt: Iterable[str],
        *,
        continuation_only: bool = False,
        sliding_window: bool = False,
        progress: _Progress = None,
        **options: Unpack[_GenerationOptions],
    ) -> list[list[Hypothesis]]: ...
    @property
    def tokenizer(self) -> Tokenizer: ...

@final
class Tokenizer:
    """Tokenizer, subword model and dictionary of a language."""

    def __new__(cls, path: _Path, lang: str | None = None) -> Tokenizer: ...
    @overload
    def encode(self, text: str, *, append_eos: bool = True) -> npt.NDArray[np.int64]:  # type: ignore[overload-overlap]
        """[len]"""
    @overload
    def encode(self, text: Iterable[str], *, append_eos: bool = True) -> list[npt.NDArray[np.int64]]: ...
    @overload
    def pieces(self, text: str) -> list[str]: ...  # type: ignore[overload-overlap]
    @overload
    def pieces(self, text: Iterable[str]) -> list[list[str]]: ...
    @overload
    def decode(self, ids: _Ids) -> str: ...  # type: ignore[overload-overlap]
    @overload
    def decode(self, ids: Iterable[_Ids]) -> list[str]: ...
    def token_to_id(self, token: str) -> int | None: ...
    def id_to_token(self, id: int) -> str: ...
    @property
    def bos(self) -> int: ...
    @property
    def pad(self) -> int: ...
    @property
    def eos(self) -> int: ...
    @property
    def unk(self) -> int: ...
    def __len__(self) -> int: ...
