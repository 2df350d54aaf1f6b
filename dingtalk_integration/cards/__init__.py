"""AI cards for configurations with a template: streamed while a turn runs, completed by the sender.

Without a template nothing of this runs. Whatever fails here ends in a markdown message, never in a second turn.
"""
