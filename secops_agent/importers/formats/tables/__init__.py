"""Tables that people keep, and our own generic format."""
