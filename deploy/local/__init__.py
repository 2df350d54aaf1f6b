"""``make run``: everything of the demo on one machine, under supervisord, gone without a trace on Ctrl-C."""
