"""AI cards for configurations with a template: their wire, what the template knows, and the quota that they spend.

Without a template nothing of this runs.
"""
