"""Sets the stage before Django reads its settings: loaded with ``-p``, before any conftest."""

import atexit
import os
import shutil
import sys
import tempfile

_OURS = ("BIFANG_", "DJANGO_", "DASHSCOPE_", "DINGTALK_")
for name in list(os.environ):
    if name.startswith(_OURS) or name == "DATABASE_URL":
        del os.environ[name]

# Thousands of tests and hundreds of processes would compile the same files again and again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_home = tempfile.mkdtemp(prefix="bifang-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "bifang.settings",
    "BIFANG_DATA_DIR": f"{_home}/var",
    "BIFANG_LOG_DIR": f"{_home}/logs",
    "BIFANG_ENV_FILE": "",
    "BIFANG_SIMULATOR": "1",
    "BIFANG_RATE_LIMITS": "off",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}
