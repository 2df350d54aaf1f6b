"""The database without a thread in between: for what one message alone asks of it while somebody waits.

A thread that waits for the database is woken by it, and wakes who waits for the thread; after the 20 ms between two
messages each of that takes as long as a statement. Measured (one that does nothing, on PostgreSQL, 20 ms apart):
through a thread 0.64 ms, read by the event loop itself 0.26.

One errand at a time, and none that is large or has to wait: who is refused goes through a thread (`db.call`).
"""
