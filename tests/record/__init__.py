"""A record of what every door says and does: `__main__` says how it is made."""
