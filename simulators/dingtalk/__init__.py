"""A local DingTalk for development, tests, benches and the demo. Production never imports it; no Django here.

Start it with ``manage.py dingtalk_simulator``, ``python -m simulators.dingtalk --port N --app ID:SECRET``,
or in a test ``async with Simulator(apps={"dingdemo": "demo-secret"}, port=0) as sim`` (then ``sim.base_url``).

What DingTalk offers, under the same paths: the Stream gateway and WebSocket (``gateway``), sessionWebhook
(``webhook``), tokens (``openapi``), robot messages (``robot_api``), custom robots (``group_robots``), cards (``card_api``),
files (``files``).

What tests, the chat page at ``/`` and the page of applications at ``/apps`` use:

==================================== =============================================================================
``POST /sim/messages``               say something: ``{client_id, text, conversation_id, staff_id, group}``, optional
                                     ``msgtype`` with ``content``, ``nick``, ``corp_id``, ``outsider``, ``delegate``,
                                     ``msg_id``, ``webhook_expired`` (true or "silently"), ``at_robot``, ``count``,
                                     ``link`` (it is what a tapped ``dtmd:`` link says),
                                     ``conversation_title``, ``extra`` (fields of the callback to add or replace)
``POST /sim/messages/batch``         a list of them
``POST /sim/events``                 ``{client_id, event_type, data, event_id?, corp_id?, born_ms?}``, or without data `events`
``POST /sim/cards/click``            ``{client_id, out_track_id, staff_id, action_id, params?, corp_id?}``
``GET /sim/replies``                 what robots said: ``?client_id=&conversation_id=&since=&after=``
``GET /sim/acks``, ``/sim/cards``    acks with their latency; cards and what they show
``GET /sim/state``                   connections, counters, ack latencies, the most ever seen in a limit's window
``POST``, ``GET /sim/faults``        switch faults; the table is in ``faults``
``PUT``, ``GET /sim/files/CODE``     what a downloadCode gives
``POST``, ``GET /sim/apps``          make an application: ``{name}``, or ``{client_id, client_secret}``; list them
``POST /sim/apps/ID``, ``…/verify``  ``{name?, stream?}`` changes it; 「验证连接通道」
``POST /sim/robots``                 add or change a custom robot: the fields are in ``group_robots``
``POST /sim/people``                 add a member of staff
``POST /sim/reset``                  forget all but connections, applications and people
==================================== =============================================================================

Without ``client_id`` the first application is meant. How the page shows cards (``title``, ``content``,
``flowStatus``, ``buttons``) is written in ``cards``.
"""

from .options import Options
from .server import Simulator

__all__ = ["Options", "Simulator"]
