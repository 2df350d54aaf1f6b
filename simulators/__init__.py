"""Local stand-ins for the chat services that Bifang lives in, one package each. Production never imports them.

A simulator knows no Django and nothing of the product but its error tree; what it and Bifang share is the wire.
"""
