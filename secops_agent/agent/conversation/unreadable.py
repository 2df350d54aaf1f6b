"""Text about a message that nobody can read here; the same on every channel."""

from typing import Final

from secops_agent import says

PICTURE: Final = (
    "收到了图片，但我看不了图片，没有下载它。请复制图片里的告警编号（例如 A12）、IP、主机名或文字发给我；"
    "扫描报告、SBOM、资产表请直接发文件。"
)
VIDEO: Final = "收到了视频。我现在还看不懂视频，请用文字描述要查的内容。"
NO_FILE: Final = "收到了文件「{name}」，但{platform}没有给出下载它的代码，请重新发送一次。"
UNKNOWN: Final = "收到了一条我还不支持的消息（类型 {name}），请用文字发送。"
NOTHING: Final = f"您没有写内容。请在 @我 之后写上要查的内容，或发送「{says.HELP}」。"
