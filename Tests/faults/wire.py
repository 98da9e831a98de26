"""HTTP/1.1 by hand over asyncio streams: what misbehaving clients send, and a strict reader of what comes back."""

import asyncio
import json
import socket
import struct


class WireError(Exception):
    """The server's bytes are not an HTTP/1.1 response."""


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def post(path, body, headers=""):
    """The bytes of a POST; `body` is bytes, or an object to be sent as JSON."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def get(path, headers=""):
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode()


async def connect(port):
    return await asyncio.open_connection("127.0.0.1", port)


async def read_response(reader, seconds=30):
    """The next response that is not informational; None if the server closed before its first byte."""
    while True:
        response = await asyncio.wait_for(_read_one(reader), seconds)
        if response is None or response.status >= 200:
            return response


async def _read_one(reader):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise WireError(f"the response's head ends early: {error.partial[:80]!r}") from None
        return None
    except (ConnectionResetError, BrokenPipeError):
        return None
    lines = head[:-4].decode("latin-1").split("\r\n")
    parts = lines[0].split(" ", 2)
    if parts[0] != "HTTP/1.1" or len(parts) < 2 or not (len(parts[1]) == 3 and parts[1].isdigit()):
        raise WireError(f"not a status line: {lines[0][:80]!r}")
    headers = {}
    for line in lines[1:]:
        name, separator, value = line.partition(":")
        if not separator or not name or name != name.strip():
            raise WireError(f"not a header: {line[:80]!r}")
        headers[name.lower()] = value.strip()
    status = int(parts[1])
    if status < 200 or status in (204, 304):
        return Response(status, headers, b"")
    try:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int((await reader.readuntil(b"\r\n"))[:-2], 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readuntil(b"\r\n")
        elif "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        else:
            raise WireError(f"a response {status} without a length")
    except asyncio.IncompleteReadError:
        raise WireError(f"the body of a response {status} ends early") from None
    return Response(status, headers, body)


def reset(writer):
    """Leaves without a goodbye: the server gets a reset, not an orderly end."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        try:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()


async def close(writer):
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), 5)
    except (OSError, asyncio.TimeoutError):
        pass
