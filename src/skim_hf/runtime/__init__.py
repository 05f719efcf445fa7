"""Runs saved models from string to label with NumPy, safetensors and tokenizers; never imports torch."""

from __future__ import annotations

from skim_hf.runtime.answering import FoundAnswer
from skim_hf.runtime.answers import Answer
from skim_hf.runtime.classifier import SkimRuntime
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.counter import OperationCounter
from skim_hf.runtime.folder import ModelFolder
from skim_hf.runtime.parity import ParityReport
from skim_hf.runtime.question_trace import AnswerTrace
from skim_hf.runtime.questions import QuestionReading
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.sequence import Prediction
from skim_hf.runtime.stream import StreamSession
from skim_hf.runtime.tokens import Entity
from skim_hf.runtime.trace import ReadingTrace, TokenTrace

__all__ = [
    "Answer",
    "AnswerTrace",
    "Entity",
    "FoundAnswer",
    "ModelFolder",
    "OperationCounter",
    "ParityReport",
    "Prediction",
    "QuestionReading",
    "Reading",
    "ReadingTrace",
    "RuntimeConfig",
    "SkimRuntime",
    "StreamSession",
    "TokenTrace",
]
