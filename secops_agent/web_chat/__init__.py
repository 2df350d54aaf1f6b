"""The web chat: a `Channel` whose far side is a page of ours. Questions go the way of any chat message."""
