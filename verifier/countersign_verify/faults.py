"""What is wrong with a pack, and where."""

from __future__ import annotations


class Wrong(Exception):
    """The first thing that is wrong: a sentence, the file, and the line or index in it."""

    def __init__(self, sentence: str, *, file: str = "", index: int | None = None) -> None:
        super().__init__(sentence)
        self.file = file
        self.index = index

    def placed(self, file: str, index: int | None = None) -> Wrong:
        """Give the same fault with its place, where it does not know a nearer one."""
        return self if self.file else Wrong(str(self), file=file, index=index)

    def told(self) -> str:
        """Write the place and the sentence."""
        if not self.file:
            return str(self)
        where = self.file if self.index is None else f"{self.file}, {self.index}"
        return f"{where}: {self}"


class Unreadable(Exception):
    """Something that was given cannot be read at all."""
