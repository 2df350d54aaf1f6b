"""What a configuration in HTTP mode needs and nobody entered. No Django."""

import secrets
import string
from collections.abc import Mapping
from typing import Any


def completed(values: Mapping[str, Any]) -> dict[str, str]:
    """What a configuration in HTTP mode needs and nobody entered."""
    made = {
        "callback_path": secrets.token_urlsafe(24),
        "callback_token": secrets.token_hex(16),
        "callback_aes_key": _aes_key(),
        "callback_card_secret": secrets.token_hex(32),
    }
    return {name: value for name, value in made.items() if not values.get(name)}


def _aes_key() -> str:
    """43 letters and digits, as the console makes them, that are base64 of 32 bytes without its ``=``."""
    alphabet = string.ascii_letters + string.digits
    # The last character carries 4 bits only: a strict decoder wants the two others to be 0.
    return "".join(secrets.choice(alphabet) for _ in range(42)) + secrets.choice("AEIMQUYcgkosw048")
