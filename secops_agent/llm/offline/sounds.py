"""Words of this field in the place of what only sounds like them and is no word: 静莫 is 静默, 挖框 挖矿, as an input method or a voice has
them. What is so read is never exact.
"""

from secops_agent.llm.offline.words import load, pattern


def respell(plain: str) -> str:
    """The normalised text with these words in it."""
    for word in load("spelling")["heard"]:
        plain = pattern(f"spelling.heard.{word}").sub(word, plain)
    return plain
