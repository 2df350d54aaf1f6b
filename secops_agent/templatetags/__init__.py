"""Filters of the templates of our own pages."""
