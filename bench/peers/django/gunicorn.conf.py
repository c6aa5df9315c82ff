"""How it is served: several threads in each worker, as what it does is mostly waiting, and connections are kept.

Ends with the bench, which holds standard input open.
"""

import os
import signal
import threading

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = 2
worker_class = "gthread"
threads = 8
keepalive = 60
loglevel = "warning"
control_socket_disable = True


def _end_with_bench():
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def when_ready(_server):
    threading.Thread(target=_end_with_bench, daemon=True).start()
