"""Software by what people call it: a part of its name, and a version if they say one."""

import re

from django.db.models import Q


def software(word: str, prefix: str = "") -> Q:
    """Components whose name holds the word; ``prefix`` leads to them ("component__").

    Behind a blank it may end in a version or its beginning: openssl 3.0 is 3.0 and 3.0.7, not 3.01.
    """
    named = Q(**{f"{prefix}name__icontains": word})
    name, _, last = word.strip().rpartition(" ")
    version = last.lower().removeprefix("v")
    if not name.strip() or not version[:1].isdecimal():
        return named
    begins = rf"^([0-9]+:)?v?{re.escape(version)}([^0-9]|$)"
    return named | Q(**{f"{prefix}name__icontains": name.strip(), f"{prefix}version__iregex": begins})
