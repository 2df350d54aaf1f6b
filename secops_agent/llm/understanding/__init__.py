"""How a sentence is understood without a model. Read in this order:

1. What it names and says: `entities`, `verbs`, `ranker` (what it most probably is), `spans` (which stretch of it orders).
2. One order: `offers` finds what each verb is done to (`objects`, `reasons`); `telling`, `calendar` and `labelled` what is told,
   later or again; `stretches` several orders, `ordering` and `narrowing` what is said to them.
3. What is said to an open offer: `open_offers`, by `edits` and `amendments` first, then by `completions`.
4. A question: `frames`, `questions`, `coverage` (what its answer leaves out); `following` and `parts` what goes on, `answering` the rest.
5. `reading` puts them together; `focus` is what was spoken of before; `warrants` what a model may offer of the same words.

Words stand in `llm/offline/words/` (cues.toml, names.toml); a tool's frame stands beside its definition (`tools/frames.py`).
"""
