"""``python -m jupyter_mlstudio.studio --root DIR``: the studio process."""

import sys

from .process import main

sys.exit(main())
