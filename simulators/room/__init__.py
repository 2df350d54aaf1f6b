"""The chat page that every simulator shows: rooms, people, bubbles, cards. What is its platform's own is in `Room`."""
