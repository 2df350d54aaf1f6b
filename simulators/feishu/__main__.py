"""``python -m simulators.feishu --port N --app ID:SECRET …``: no Django is imported."""

import sys

from .process import main

sys.exit(main())
