"""GLSMamba Studio from a checkout: ``python main.py open VIDEO``."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
