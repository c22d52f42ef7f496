"""Container health check: `python -I -S healthcheck.py PORT [PATH]` exits 0 when PATH answers 200 in time, 1 when not.

Raw sockets and nothing else imported, because an engine starts it every second for every container.
"""

import _socket
import sys

TIMEOUT_S = 1.0


def healthy(port: int, path: str = "/healthz") -> bool:
    """Whether 127.0.0.1:`port` answers `GET path` with 200 within a second."""
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.settimeout(TIMEOUT_S)
    try:
        connection.connect(("127.0.0.1", port))
        connection.send(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        answer = piece = connection.recv(512)
        while piece:  # to the end, or the server logs a broken connection
            piece = connection.recv(4096)
        return answer.startswith(b"HTTP/1.") and answer[8:12] == b" 200"
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if len(sys.argv) in (2, 3) and sys.argv[1].isdigit() and healthy(int(sys.argv[1]), *sys.argv[2:]) else 1)
