"""A service in Python on the stock SDK: follows a channel, publishes to it, and says when continuity was lost.

    pip install centrifuge-python
    python examples/python-service/service.py [--once]

TRUNKLINE_URL names the server (default ws://localhost:8000), TRUNKLINE_TOKEN a connection token where it asks for one.
"""

import asyncio
import os
import sys

from centrifuge import (
    CentrifugeError,
    Client,
    ClientEventHandler,
    ConnectedContext,
    DisconnectedContext,
    PublicationContext,
    SubscribedContext,
    SubscriptionEventHandler,
    UnsubscribedContext,
)

CHANNEL = "public:load"
URL = os.environ.get("TRUNKLINE_URL", "ws://localhost:8000").replace("http", "ws", 1)


async def token() -> str:
    return os.environ.get("TRUNKLINE_TOKEN", "")


class Connection(ClientEventHandler):
    async def on_connected(self, ctx: ConnectedContext) -> None:
        print(f"connected as {ctx.client}", flush=True)

    async def on_disconnected(self, ctx: DisconnectedContext) -> None:
        # Codes from 3500 on and 4500 on are final: the SDK does not come back by itself.
        print(f"disconnected: {ctx.reason} ({ctx.code})", flush=True)


class Load(SubscriptionEventHandler):
    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        if ctx.was_recovering and not ctx.recovered:
            # What was missed is not to be had any more: take the whole state again here.
            print("reset: publications were missed", flush=True)
        else:
            print("live", flush=True)

    async def on_publication(self, ctx: PublicationContext) -> None:
        print(f"got offset {ctx.pub.offset}: {ctx.pub.data}", flush=True)

    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        print(f"unsubscribed: {ctx.reason} ({ctx.code})", flush=True)


async def main(once: bool) -> None:
    client = Client(f"{URL}/connection/websocket", events=Connection(), get_token=token)
    load = client.new_subscription(CHANNEL, events=Load(), recoverable=True)
    await client.connect()
    await load.subscribe()
    await load.ready(timeout=10)
    sample = 0
    while not once or sample < 3:
        sample += 1
        try:
            await load.publish(data={"sample": sample, "load": os.getloadavg()[0]})
        except CentrifugeError as error:
            print(f"not published: {error}", file=sys.stderr, flush=True)
        await asyncio.sleep(0.2 if once else 2)
    await client.disconnect()


if __name__ == "__main__":
    try:
        asyncio.run(main(once="--once" in sys.argv))
    except KeyboardInterrupt:
        pass
