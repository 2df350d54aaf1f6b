"""What operations on any noun share: declared once, taken up by every door. Knows no noun."""
