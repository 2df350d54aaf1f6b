"""The importers by themselves: no Django, no database, nothing of the house but its records."""

import subprocess
import sys

_READ = """
import sys
sys.modules["django"] = None
from secops_agent.importers import registry
from secops_agent.importers.base import Source
assert set(registry.importers()) == set(registry.NAMES)
data = '主机名,IP,负责人\\nweb-01,10.0.0.1,张三\\n'.encode()
print(registry.detect(Source.from_bytes(data)), *registry.parse("assets_csv", Source.from_bytes(data)))
ours = {name.partition(".")[0] for name in sys.modules} & {"bifang", "secops_agent", "feishu_integration"}
house = [name for name in sys.modules if name.startswith("secops_agent.") and ".importers" not in name]
assert ours == {"bifang", "secops_agent"}, ours
assert all(name.startswith("secops_agent.services") for name in house), house
"""


def test_formats_are_read_without_django() -> None:
    done = subprocess.run([sys.executable, "-c", _READ], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("assets_csv AssetRecord(")
