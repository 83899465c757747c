"""What befalls a service in ``tests.bench.chaos``: each trouble comes, is over, and returns what it may cost."""

import asyncio
import signal
import socket
import struct

import psutil

from loadtest.target.server import Server
from tests.flow.steady import Connection, Listening, fetch

SLOW_CLIENTS, RESETS = 100, 100
HEAD = b"POST /predict/small HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n"
STOPPED_SECONDS = 0.5
"""Shorter than a request may wait, and than what makes a worker a hung one."""
SECONDS_BETWEEN_BYTES = 0.2


async def find_workers(target: Listening, wanted: int) -> None:
    """Ask on new connections until so many workers have answered, by the part of a request's id that names each."""
    names: set[str] = set()
    while len(names) < wanted:
        try:
            async with await Connection.to(target) as connection:
                reply = await connection.ask(fetch("/readyz"))
            names.add(reply.headers["x-request-id"].partition("-")[0])
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.02)


async def kill_a_worker(server: Server) -> int:
    """SIGKILL a worker, and wait until it answers no more. It may cost a request on each of its connections."""
    worker = _choose(server)
    worker.send_signal(signal.SIGSTOP)  # so that it has as many when it ends as are counted
    connections = sum(connection.status == psutil.CONN_ESTABLISHED for connection in worker.net_connections("tcp"))
    worker.kill()
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        await asyncio.sleep(0.01)
    return connections


async def stop_a_worker(server: Server) -> int:
    """Stop a worker for a moment."""
    worker = _choose(server)
    worker.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(STOPPED_SECONDS)
    finally:
        worker.send_signal(signal.SIGCONT)
    return 0


async def connect_slowly(server: Server) -> int:
    """Send heads byte by byte, from many clients, until the service has ended them all."""
    await asyncio.gather(*(_send_slowly(server) for _ in range(SLOW_CLIENTS)))
    return 0


async def _send_slowly(server: Server) -> None:
    async with await Connection.to(server) as connection:
        for byte in HEAD:
            try:
                await connection.send(bytes([byte]))
            except OSError:
                return
            if connection.reader.at_eof():
                return
            await asyncio.sleep(SECONDS_BETWEEN_BYTES)


async def reset_in_the_middle(server: Server) -> int:
    """Reset many connections in the middle of a head, of a body, or before the answer is read."""
    for place in range(RESETS):
        async with await Connection.to(server) as connection:
            await connection.send((HEAD[:30], HEAD + b"\r\n{", fetch("/models"))[place % 3])
            # Linger for no time: the connection ends with a reset (socket(7), SO_LINGER).
            raw: socket.socket = connection.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.writer.transport.abort()
    return 0


def _choose(server: Server) -> psutil.Process:
    """Return the worker that holds the most connections."""
    return max(server.workers, key=lambda worker: int(worker.num_fds()))
