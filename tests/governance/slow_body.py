"""An application that reads its body and says how much came, for a web server with one thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from apps.inventory.stores.common import TOO_SLOW
from governance.pace import Watch, paced


def _count(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    came = 0
    while piece := environ["wsgi.input"].read(1 << 20):
        came += len(piece)
    told = json.dumps({"came": came, "slow": environ.get(TOO_SLOW, False)}).encode()
    start_response("200 OK", [("Content-Length", str(len(told)))])
    return [told]


application = paced(_count, watch=Watch(grace=1.0, least=200_000.0))
