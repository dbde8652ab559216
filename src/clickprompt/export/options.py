"""What an export may be told, and which of it goes together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from clickprompt.settings import ClickPromptError, did_you_mean

Format = Literal["onnx", "torch"]
Layout = Literal["file", "triton"]


@dataclass(frozen=True)
class ExportOptions:
    """Settings of `clickprompt export`. Raises ClickPromptError for those that contradict one another."""

    format: Format = "onnx"
    """`onnx`, or `torch`: a program of torch.export, embedding rows in."""
    layout: Layout = "file"
    """`file`, or `triton`: a model repository of NVIDIA's Triton Inference Server."""
    ids: bool = False
    """Take embedding rows, not raw fields."""
    int8: bool = False
    """Hold the embedding table in 8-bit integers."""
    external_data: bool = False
    """Lay weights beside the ONNX file, where they are mapped into memory."""
    compile: bool = False
    """Translate a torch program to machine code (AOTInductor)."""

    def __post_init__(self) -> None:
        if self.format == "torch" and self.layout == "triton":
            raise ClickPromptError("--layout triton: holds ONNX files; leave out --format torch")
        if self.format == "torch" and self.external_data:
            raise ClickPromptError("--external-data: is for ONNX files; leave it out of --format torch")
        if self.format == "onnx" and self.compile:
            raise ClickPromptError("--compile: is for torch programs; add --format torch")

    def refuse_for_words(self, where: object) -> None:
        """Raises ClickPromptError for what a model that reads words has no form of."""
        given = {
            "--format torch": self.format == "torch",
            "--layout triton": self.layout == "triton",
            "--int8": self.int8,
        }
        for name, is_given in given.items():
            if is_given:
                raise ClickPromptError(f"{where}: reads words, for which there is no {name}; leave it out")


def export_options(
    format: str = "onnx",
    layout: str = "file",
    *,
    ids: bool = False,
    int8: bool = False,
    external_data: bool = False,
    compile: bool = False,
) -> ExportOptions:
    """Options from a command line. Raises ClickPromptError for a format or layout that there is not."""
    for name, value, known in (("format", format, get_args(Format)), ("layout", layout, get_args(Layout))):
        if value not in known:
            raise ClickPromptError(f"--{name} {value}: not a {name}{did_you_mean(value, known)}")
    return ExportOptions(cast(Format, format), cast(Layout, layout), ids, int8, external_data, compile)
