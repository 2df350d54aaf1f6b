"""Check acme_licence: is the licence of Acme's products still good?"""

from bifang.core.extensions import Extension
from bifang.core.monitoring.health import HealthCheck

CHECK = HealthCheck("acme_licence", "Acme 授权", lambda: "没有到期", remedy="Acme 的授权到期了：请续期。")
EXTENSION = Extension(CHECK.name, CHECK.label, CHECK, versions=">=0.1,<0.2")
