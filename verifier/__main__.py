"""Runs the verifier from its folder or from one archive, without installation."""

import sys

from countersign_verify.cli import main

sys.exit(main())
