"""Cards, on any platform that has them: streamed while a turn runs, completed by the sender, closed by the reaper.

Whatever fails here ends in a text message, never in a second turn.
"""
