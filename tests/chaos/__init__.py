"""Chaos: everything that can break does, at random, while people ask and alerts arrive; then it is all counted."""
