"""A libchat client that knows proto/libchat/v1 and nothing else of libchat.

    peer = await Peer.connect(url, ca, token, device_id)
    sent = await peer.send(channel_id, "hello")
    message = await peer.next_push("message")
"""

import asyncio
import ssl

import websockets

from libchat.v1 import client_pb2, types_pb2

SUBPROTOCOL = "libchat.v1"
MESSAGE_MAX = 1 << 20
ANSWER_S = 20


class Refused(Exception):
    """The answer was a Problem."""

    def __init__(self, problem):
        super().__init__(f"{types_pb2.ProblemCode.Name(problem.code)} {problem.limit} {problem.detail}")
        self.problem = problem


class Closed(Exception):
    """The connection ended; `code` is WebSocket's."""

    def __init__(self, code):
        super().__init__(f"closed with {code}")
        self.code = code


def trust(ca):
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def close_code(socket):
    code = getattr(socket, "close_code", None)
    return 1006 if code is None else code


class Peer:
    def __init__(self, socket):
        self.socket = socket
        self.requests = 0
        self.counter = 0  # of nonces
        self.after = {}  # channel -> counter of the last operation there
        self.waiting = {}  # request id -> future
        self.pushes = {}  # kind -> queue
        self.order = []  # (channel, seq) of pushed messages, as they came
        self.welcome = None
        self.device_id = 0
        self.reader = None
        self.closed = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, url, ca):
        """The link alone, without a Hello."""
        context = trust(ca) if url.startswith("wss:") else None
        socket = await websockets.connect(
            url, ssl=context, subprotocols=[SUBPROTOCOL], compression=None, max_size=MESSAGE_MAX,
            ping_interval=None, open_timeout=ANSWER_S)
        assert socket.subprotocol == SUBPROTOCOL
        peer = cls(socket)
        peer.reader = asyncio.ensure_future(peer.read())
        return peer

    @classmethod
    async def connect(cls, url, ca, token, device_id, ticket=b""):
        peer = await cls.open(url, ca)
        await peer.hello(token, device_id, ticket)
        return peer

    async def hello(self, token, device_id, ticket=b""):
        self.device_id = device_id
        self.welcome = await self.request(
            hello=client_pb2.Hello(token=token, ticket=ticket, device_id=device_id,
                                   client="peer.py/1"))
        return self.welcome

    async def channels(self):
        """The list that follows a Welcome."""
        found = {}
        while True:
            part = await self.next_push("channel_list")
            found.update((c.head.channel_id, c) for c in part.channels)
            if part.complete:
                return found

    async def read(self):
        try:
            async for bytes_ in self.socket:
                for frame in client_pb2.ServerBatch.FromString(bytes_).frames:
                    self.take(frame)
        except websockets.ConnectionClosed:
            pass
        finally:
            if not self.closed.done():
                self.closed.set_result(close_code(self.socket))
            for future in self.waiting.values():
                if not future.done():
                    future.set_exception(Closed(close_code(self.socket)))

    def take(self, frame):
        kind = frame.WhichOneof("body")
        body = getattr(frame, kind) if kind else None
        future = self.waiting.pop(frame.request_id, None) if frame.request_id else None
        if future and not future.done():
            if kind == "problem":
                future.set_exception(Refused(body))
            else:
                future.set_result(body)
        elif kind:
            if kind == "message":
                self.order.append((body.channel_id, body.seq))
            self.pushes.setdefault(kind, asyncio.Queue()).put_nowait(body)

    async def send_frames(self, frames):
        await self.socket.send(client_pb2.ClientBatch(frames=frames).SerializeToString())

    def begin(self, **body):
        """(frame, future of its answer), not sent yet."""
        self.requests += 1
        future = asyncio.get_running_loop().create_future()
        self.waiting[self.requests] = future
        return client_pb2.ClientFrame(request_id=self.requests, **body), future

    async def request(self, **body):
        frame, future = self.begin(**body)
        await self.send_frames([frame])
        return await asyncio.wait_for(future, ANSWER_S)

    async def next_push(self, kind):
        queue = self.pushes.setdefault(kind, asyncio.Queue())
        return await asyncio.wait_for(queue.get(), ANSWER_S)

    def nonce(self, channel_id=0):
        """The next operation's identity; it follows the last one of its channel."""
        self.counter += 1
        after = self.after.get(channel_id, 0)
        self.after[channel_id] = self.counter
        return types_pb2.Nonce(device_id=self.device_id, counter=self.counter, after=after)

    async def send(self, channel_id, text, nonce=None):
        return await self.request(send_message=types_pb2.SendMessage(
            channel_id=channel_id, nonce=nonce or self.nonce(channel_id), text=text))

    async def send_many(self, channel_id, texts, in_flight=32):
        """All of them, so many at once; their answers in order."""
        answers = []
        for first in range(0, len(texts), in_flight):
            begun = [self.begin(send_message=types_pb2.SendMessage(
                channel_id=channel_id, nonce=self.nonce(channel_id), text=t))
                for t in texts[first:first + in_flight]]
            await self.send_frames([frame for frame, _ in begun])
            answers += [await asyncio.wait_for(future, ANSWER_S) for _, future in begun]
        return answers

    async def find(self, subject):
        users = (await self.request(find_user=types_pb2.FindUser(subject=subject))).users
        return users[0].user_id if users else None

    async def history(self, channel_id, page=200):
        """All messages, by pages from the first."""
        messages, start = [], 1
        while True:
            got = await self.request(fetch_history=types_pb2.FetchHistory(
                channel_id=channel_id, start_seq=start, limit=page))
            messages += got.messages
            if got.covered.to_seq < start or got.covered.to_seq >= got.head.seq:
                return messages
            start = got.covered.to_seq + 1

    async def close(self):
        await self.socket.close()
        await self.closed
        await asyncio.gather(self.reader, return_exceptions=True)
