"""Which row groups of a data set a partition is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.engine import slices
from apps.engine.dataset import DataSet
from apps.engine.errors import BadInput
from apps.engine.files import file_digest
from apps.engine.parts import Piece


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is read of a data set.

    Parameters
    ----------
    pieces : sequence of Piece
        Row groups.
    digests : mapping of str to str
        The SHA-256 of each part by its name; of a slice that of its file.
    every : sequence of str
        The names of all parts or slices; none where the data set is one file, read whole.
    """

    pieces: Sequence[Piece]
    digests: Mapping[str, str]
    every: Sequence[str]


def chosen(data: DataSet, parts: Sequence[str] | None) -> Chosen:
    """Some parts of a folder, or slices of a file; all where none are named.

    Raises
    ------
    BadInput
        There is no such part.
    """
    every = data.parts
    names = [path.name for path in every.paths]
    wanted = list(names if parts is None else parts)
    some = [] if data.path.is_dir() else slices.asked(wanted, names[0])
    if some:
        digest = file_digest(every.paths[0])
        pieces = [p for p in every.pieces if any(one.holds(p, every.rows) for one in some)]
        return Chosen(pieces, dict.fromkeys(wanted, digest), slices.names(names[0], some[0].of))
    for name in wanted:
        if name not in names:
            raise BadInput(f'The data set "{data.name}" has no part "{name}".')
    files = {names.index(name) for name in wanted}
    digests = {name: file_digest(every.paths[names.index(name)]) for name in wanted}
    pieces = [piece for piece in every.pieces if piece.file in files]
    return Chosen(pieces, digests, names if data.path.is_dir() else ())
