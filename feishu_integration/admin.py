"""The pages of a Feishu configuration: `config_face` and `guide`."""

from feishu_integration import config_face

__all__ = ["config_face"]
