"""A QR code as an image that stands in the page itself."""

import segno


def draw(text: str) -> str:
    """As a ``data:`` address (SVG): dark on white whatever the page's colours are, for cameras."""
    return segno.make(text, error="m", micro=False).svg_data_uri(
        scale=5, border=3, dark="#18181b", light="#fff"
    )
