"""A local Feishu for development and tests. Production never imports it; no Django here.

Start it with ``python -m simulators.feishu --port N --app ID:SECRET``, or in a test
``async with Simulator(apps={"cli_demo": "demo-secret"}, port=0) as sim`` (then ``sim.base_url``).

What Feishu offers, under the same paths: the long connection (``gateway``: ``POST /callback/ws/endpoint`` and its
WebSocket), tenant_access_token and bot info (``openapi``), messages (``im_api``). What tests use:

============================ ===================================================================================
``POST /sim/messages``       say something: ``{app_id, text, chat_id, open_id, group}``; optional ``message_type`` with
                             ``content``, ``tenant_key``, ``message_id``, ``event_id``, ``parent_id``, ``at_bot``,
                             ``mentions`` (open ids), ``born_ms``, ``extra`` (fields of the message to add or replace)
                             → ``{message_id, event_id, chat_id, delivered}``
``POST /sim/messages/batch`` a list of them
``POST /sim/events``         ``{app_id, event_type, event?, event_id?, born_ms?}``; without ``event`` one
                             of ``events.EVENTS`` with ``open_id``, ``chat_id``
``POST /sim/cards/click``    ``{app_id, message_id, open_id, value, tag?, form_value?, …}`` → ``{ok, toast, card}``, or
                             ``{ok: false, error}`` when the bot has not answered within 3 s
``GET /sim/replies``         what bots said: ``?app_id=&chat_id=&after=``
``GET /sim/acks``            acks with latency and what was wrong with them (``fault``)
``GET /sim/state``           connections, counters, calls, limits
``POST``, ``GET /sim/faults`` switch faults; the table is in ``faults``
``POST /sim/reset``          forget all but connections and applications
============================ ===================================================================================

Without ``app_id`` the first application is meant.
"""

from .options import Options
from .server import Simulator

__all__ = ["Options", "Simulator"]
