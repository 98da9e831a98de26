"""recipe.toml, read once; the command line names the file and the work folder."""
import tomllib
from dataclasses import fields
from pathlib import Path

import torch

from .trainer import Settings, StackShape


class Recipe(dict):
    """The parsed file, with helpers that turn its tables into the trainer's types."""

    @classmethod
    def read(cls, path: str | Path) -> "Recipe":
        return cls(tomllib.loads(Path(path).read_text()))

    def settings(self, *tables: dict, **changes) -> Settings:
        """Settings from the named tables, later ones first; other keys of the tables are not settings."""
        known = {f.name for f in fields(Settings)}
        values = {}
        for table in tables:
            values.update({k: v for k, v in table.items() if k in known})
        return Settings(**{**values, **changes})

    def student(self, name: str) -> dict:
        """What the named student changes, of `[student]` and its settings."""
        try:
            return self["students"][name]
        except KeyError:
            raise ValueError(f"recipe.toml has no student {name!r}; it has {', '.join(self['students'])}") from None

    def layers(self, student: str) -> int:
        """How many of the base's layers the named student has."""
        return self.student(student).get("layers", 18)

    def shape(self, device: str, layers: int = 18, epochs: float | None = None, **changes) -> StackShape:
        optimiser, lora = self["optimiser"], self["lora"]
        values = dict(layers=layers, rank=lora["rank"], alpha=lora["alpha"], warmup=optimiser["warmup"],
                      decay=optimiser["decay"], device=device, compiled=self.get("compiled", False),
                      graph=self.get("graph", True),
                      dtype=torch.bfloat16 if device == "cuda" else torch.float32,
                      epochs=optimiser["epochs"] if epochs is None else epochs)
        return StackShape(**{**values, **changes})
