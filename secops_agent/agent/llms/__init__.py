"""Which models are asked, in which order, how much they read, and what they never read."""
