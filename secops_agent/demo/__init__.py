"""The demo estate: a Chinese company that does not exist, written by us, the same at every load but for the dates."""
