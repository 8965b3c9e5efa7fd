"""A TCP proxy that a test can cut: it resets what is open and refuses what is new, as a network that is gone does."""
import select
import socket
import struct
import threading


class Proxy:
    def __init__(self, target, alter=None):
        """`alter` is given what comes from the target, and says what goes on."""
        self.alter = alter
        self.target, self.pumps, self.lock, self.port = target, set(), threading.Lock(), 0
        self.restore()

    def restore(self):
        """Takes connections again, at the same port."""
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        self.listener.listen(64)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        """Resets every connection and refuses new ones, until `restore`."""
        # A close does not wake a thread in accept(), and the port would stay open as long; a shutdown does.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            pumps, self.pumps = self.pumps, set()
        for pump in pumps:
            pump.join(5)

    close = cut

    def accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                reset(near)
                continue
            far.settimeout(None)
            pump = threading.Thread(target=self.pump, args=(near, far), daemon=True)
            with self.lock:
                self.pumps.add(pump)
            pump.start()

    def pump(self, near, far):
        """Carries bytes both ways until one end closes, or the proxy is cut."""
        other, me = {near: far, far: near}, threading.current_thread()
        try:
            while me in self.pumps:
                for end in select.select(list(other), [], [], 0.02)[0]:
                    data = end.recv(1 << 16)
                    if not data:
                        return
                    if self.alter and end is far:
                        data = self.alter(data)
                    other[end].sendall(data)
            for end in other:
                reset(end)
        except OSError:
            pass
        finally:
            with self.lock:
                self.pumps.discard(me)
            for end in other:
                end.close()


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
