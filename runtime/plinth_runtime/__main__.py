"""`python -m plinth_runtime`: the command `plinth-runtime`, where the script is not on PATH."""

import sys

from plinth_runtime.main import main

sys.exit(main())
