"""What the sender of a file may say about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bifang.channels.text.visible import visible
from bifang.core.errors import InvalidInput
from secops_agent.importers.base import Options
from secops_agent.importers.values.assets import (
    host_asset,
    image_asset,
    path_asset,
    repository_asset,
    website_asset,
)
from secops_agent.services.actors import Actor
from secops_agent.services.intake import speaking
from secops_agent.services.records import AssetRecord

ASSET_TYPES = ("host", "container_image", "repository", "website", "application")


@dataclass(frozen=True, slots=True)
class Choices:
    """What the sender may say about a file.

    ``source``: another name for the tool, so that two installations do not mix. ``asset`` with ``asset_type``: to
    what findings belong whose file names no asset.
    """

    source: str = ""
    asset: str = ""
    asset_type: str = "host"

    @classmethod
    def from_dict(cls, values: Mapping[str, str]) -> "Choices":
        """As `as_dict` gives them."""
        return cls(values.get("source", ""), values.get("asset", ""), values.get("asset_type", "host"))

    def as_dict(self) -> dict[str, str]:
        """For a JSON column."""
        return {"source": self.source, "asset": self.asset, "asset_type": self.asset_type}

    def spoken_by(self, actor: Actor) -> "Choices":
        """With the source of a sender that has only one. Raises Forbidden for one that is not theirs."""
        return replace(self, source=speaking.source_for(actor, self.source))

    def options(self) -> Options:
        """For the importer. Raises InvalidInput for an asset that identifies nothing, a source that looks like another."""
        if self.source != visible(self.source):
            raise InvalidInput("source 里有看不见的字符：请只用看得见的字。")
        return Options(asset=_asset(self.asset, self.asset_type) if self.asset else None, source=self.source)


def _asset(name: str, asset_type: str) -> AssetRecord:
    makers: dict[str, Callable[[], AssetRecord | None]] = {
        "host": lambda: host_asset(name),
        "container_image": lambda: image_asset([name], []),
        "repository": lambda: repository_asset(name),
        "website": lambda: website_asset(name),
        "application": lambda: path_asset(name),
    }
    if asset_type not in makers:
        raise InvalidInput(f"asset_type 应为 {'、'.join(ASSET_TYPES)} 之一。")
    made = makers[asset_type]()
    if made is None:
        raise InvalidInput(f"资产「{name}」不能识别为 {asset_type}：请写主机名、镜像名、仓库地址或网址。")
    return made
