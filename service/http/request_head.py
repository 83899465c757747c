"""The head of a request, as the protocol needs it: its length, and the same head without an upgrade."""

Fields = list[tuple[bytes, bytes]]
UPGRADE_NAMES = (b"upgrade", b"http2-settings")


def length_of(target: bytes, fields: Fields) -> int:
    """Return how many bytes a head takes, its method and version aside."""
    return len(target) + sum(len(name) + len(value) + 4 for name, value in fields)


def without_upgrade(method: bytes, target: bytes, version: bytes, fields: Fields) -> bytes:
    """Return the head of a request that asks for no other protocol. version: such as ``1.1``."""
    kept = [(name, value) for name, value in fields if name not in UPGRADE_NAMES]
    kept = [(name, _other_tokens(value) if name == b"connection" else value) for name, value in kept]
    lines = b"".join([b"%b: %b\r\n" % field for field in kept])
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, target, version, lines)


def _other_tokens(connection: bytes) -> bytes:
    tokens = [token.strip() for token in connection.split(b",")]
    return b", ".join([token for token in tokens if token.lower() not in UPGRADE_NAMES])
