"""An intentd process under test: its start, what the kernel says of it, its end. Python's standard library only."""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time


def check(condition, what):
    """Prints what holds, or ends the script with it."""
    if not condition:
        raise SystemExit(f"{pathlib.Path(sys.argv[0]).name}: {what}")
    print(f"ok: {what}", flush=True)


class Service:
    """`intentd serve` on a port that it chose itself, ready. What it logs is copied to the file `log`."""

    def __init__(self, binary, model, log, *options):
        self.log_path = log
        self._log = open(log, "wb")
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [binary, "serve", "--model", model, "--port", "0", *options], stderr=subprocess.PIPE)
        self.port = None
        threading.Thread(target=self._copy_log, daemon=True).start()
        while self.port is None or not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > begun + 120:
                self.kill()
                raise SystemExit(f"the server did not become ready:\n{self.log()}")
            time.sleep(0.05)
        self.seconds_to_ready = time.monotonic() - begun
        self.url = f"http://127.0.0.1:{self.port}"

    def _copy_log(self):
        for line in self.process.stderr:
            self._log.write(line)
            self._log.flush()
            if self.port is None and b'"message":"listening"' in line:
                self.port = json.loads(line)["port"]

    def log(self):
        """What it has logged until now."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def is_ready(self):
        return self.readiness() == 200

    def readiness(self):
        """The status of /readyz; None without an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    @property
    def is_running(self):
        return self.process.poll() is None

    def sample(self):
        """What the kernel says now: resident and anonymous memory in KiB, open files, threads, processor seconds."""
        pid = self.process.pid
        with open(f"/proc/{pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        with open(f"/proc/{pid}/stat") as file:
            times = file.read().rsplit(")", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return {
            "rss_kib": int(fields["VmRSS"].split()[0]), "anonymous_kib": int(fields["RssAnon"].split()[0]),
            "files": len(os.listdir(f"/proc/{pid}/fd")), "threads": int(fields["Threads"]),
            "cpu_s": (int(times[11]) + int(times[12])) / ticks,
        }

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        """SIGTERM. Returns the exit status; kills what does not end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        """At once, whatever it is doing; nothing if it has ended."""
        self.process.kill()
        self.process.wait()
