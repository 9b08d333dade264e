"""`python -m countersign_verify PACK`."""

import sys

from countersign_verify.cli import main

sys.exit(main())
