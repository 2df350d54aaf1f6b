"""Products of Chinese vendors."""
