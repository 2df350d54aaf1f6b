"""Pins base images to the digest that their registry gives for their tag: ``python -m deploy.release.images [REGISTRY]``.

REGISTRY is a mirror's address instead of Docker Hub's. Nothing is invented: where no registry answers, nothing changes.
"""

import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

DOCKER: Final = Path(__file__).resolve().parents[1] / "docker"
_IMAGE: Final = re.compile(
    r"^(FROM |\s+image: )((?:[\w.-]+/)?(?:python|postgres)):([\w.-]+)(?:@sha256:[0-9a-f]{64})?", re.MULTILINE
)
_KINDS: Final = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
)
_HUB: Final = "https://registry-1.docker.io"
_TOKENS: Final = "https://auth.docker.io/token?service=registry.docker.io&scope=repository:{}:pull"


def digest_of(name: str, tag: str, registry: str) -> str:
    """Of the index, which has every architecture. Raises OSError or ValueError."""
    path = name if "/" in name else f"library/{name}"
    request = urllib.request.Request(  # noqa: S310 - the operator's address
        f"{registry}/v2/{path}/manifests/{tag}", headers={"Accept": _KINDS}, method="HEAD"
    )
    if registry == _HUB:
        with urllib.request.urlopen(_TOKENS.format(path), timeout=20) as answer:  # noqa: S310 - https
            request.add_header("Authorization", f"Bearer {json.load(answer)['token']}")
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the operator's address
        found = str(answer.headers.get("Docker-Content-Digest", ""))
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", found):
        raise ValueError(f"{name}:{tag}: no digest")
    return found


def pin(path: Path, registry: str) -> list[str]:
    """Write the digests into the file; returns the images. Raises OSError or ValueError before it is touched."""
    text = path.read_text(encoding="utf-8")
    pinned = _IMAGE.sub(
        lambda found: f"{found[1]}{found[2]}:{found[3]}@{digest_of(found[2], found[3], registry)}", text
    )
    if pinned != text:
        path.write_text(pinned, encoding="utf-8")
    return [f"{found[2]}:{found[3]}@{found[0].partition('@')[2]}" for found in _IMAGE.finditer(pinned)]


def main(registry: str = _HUB) -> None:
    """Both files, or the reason why not."""
    try:
        for name in ("Dockerfile", "compose.yaml"):
            for image in pin(DOCKER / name, registry.rstrip("/")):
                print(f"{name}：{image}")
    except (OSError, ValueError) as error:
        sys.exit(
            f"没有写入：镜像仓库没有给出摘要（{error}）。可以用 make pin-images REGISTRY=https://镜像站 指定另一个。"
        )


if __name__ == "__main__":
    main(*sys.argv[1:2])
