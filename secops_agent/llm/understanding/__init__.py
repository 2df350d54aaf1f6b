"""How a sentence is understood without a model: what it names, what it can be about, what was spoken of before.

`entities` reads what is named and joins it to the inventory; `frames` weighs what the tools can take of it; `focus` gives
references a meaning; `orders` reads what is to be done, as offers; `reading` puts them together. Words stand in
`llm/offline/words/` (cues.toml, names.toml); a tool's frame stands beside its definition (`tools/frames.py`).
"""
