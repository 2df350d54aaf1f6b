"""Interactive cards: answers that grow, messages with buttons, and what shows how something stands."""
