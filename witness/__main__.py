"""`python -m witness init | trust | serve`."""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import sys
from pathlib import Path

from witness.folder import Folder, FolderRefused
from witness.notes import Malformed
from witness.server import Server, Witness


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m witness", description=__doc__)
    words = parser.add_subparsers(dest="word", required=True)
    init = words.add_parser("init", help="make a witness: a folder with a key of its own")
    init.add_argument("--name", required=True, help="its name for ever, such as witness.example/w1")
    trust = words.add_parser("trust", help="know a log from now on")
    trust.add_argument("key", help="the log's verifier key, origin+id+base64")
    serve = words.add_parser("serve", help="answer until told to stop")
    place = serve.add_mutually_exclusive_group()
    place.add_argument("--listen", default="127.0.0.1:8099", help="address:port (127.0.0.1:8099)")
    place.add_argument("--fd", type=int, help="a socket that listens already")
    for word in (init, trust, serve):
        word.add_argument("--folder", type=Path, required=True)
    return parser


def _listener(options: argparse.Namespace) -> socket.socket:
    if options.fd is not None:
        return socket.socket(fileno=options.fd)
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdigit():
        raise FolderRefused(f"--listen takes address:port, not {options.listen!r}.")
    return socket.create_server((host, int(port)))


def _serve(folder: Folder, options: argparse.Namespace) -> None:
    server = Server(_listener(options), Witness(folder))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


def main() -> int:
    options = _parser().parse_args()
    try:
        if options.word == "init":
            print(Folder.init(options.folder, options.name).public().text())
        elif options.word == "trust":
            print(f"{Folder(options.folder).trust(options.key).name} is known.")
        else:
            _serve(Folder(options.folder), options)
    except (FolderRefused, Malformed, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
