"""These are the package's own tests: they run where it is installed (`tests/test_plugin_example.py` sees to that)."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("bifang_acme") else ["*"]
