"""One turn: the loop between a model and the tools, and what stands around its words."""
