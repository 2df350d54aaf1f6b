"""How Django writes what we do not write ourselves."""
