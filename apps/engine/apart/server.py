"""The process that holds a model: walls before anything numeric is imported, for threads stand outside them.

Started by `apart.client` with the descriptors of its lanes as its argument.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from apps.engine.landlock import Reach
from apps.engine.walls import raise_inner_walls


def main() -> None:
    """Take the first message, shut this process in with the file that it names, then serve."""
    descriptors = json.loads(sys.argv[1])
    line = _line(descriptors[0][0])
    if not line:
        return
    asked = json.loads(line)
    reads = (Path(asked["path"]),) if "path" in asked else ()
    reach = Reach(reads=reads, writes=(Path.cwd(),))
    walls = raise_inner_walls(reach)
    from apps.engine.apart.serving import serve

    serve(descriptors, asked, walls)


def _line(reading: int) -> bytes:
    """The first message; nothing else comes before it is answered."""
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(reading, 1 << 16)
        if not chunk:
            return b""
        line += chunk
    return line


if __name__ == "__main__":
    main()
