"""A local DingTalk for development, tests, benches and the demo. Production never imports it; no Django here."""

from .options import Options
from .server import Simulator

__all__ = ["Options", "Simulator"]
