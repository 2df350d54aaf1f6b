"""The web server: gunicorn keeps the processes, waitress reads and writes; used by deploy/gunicorn.conf.py.

An event loop buffers a request until head and body are there, and an answer until it is taken: only then, and only so
long, a thread is busy. What a connection may hold, and for how long, is bounded, and so is what all of them hold.
A body above 2.5 MB is read only after the application has said so by the head alone (`bifang.core.requests.bodies`).
"""
