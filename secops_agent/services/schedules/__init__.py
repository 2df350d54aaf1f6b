"""Things that are done at set times: what, when, for whom, and what each run came to."""
