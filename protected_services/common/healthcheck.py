"""Container health check: `python -I -S healthcheck.py PORT` exits 0 when /healthz answers 200 in time, 1 when not.

Raw sockets and nothing else imported, because an engine starts it every second for every container.
"""

import _socket
import sys

TIMEOUT_S = 1.0


def healthy(port: int) -> bool:
    """Whether 127.0.0.1:`port` answers `GET /healthz` with 200 within a second."""
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.settimeout(TIMEOUT_S)
    try:
        connection.connect(("127.0.0.1", port))
        connection.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        return connection.recv(16).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if len(sys.argv) == 2 and sys.argv[1].isdigit() and healthy(int(sys.argv[1])) else 1)
