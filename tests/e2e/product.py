"""The whole product as an operator starts it: `manage.py up` in a process of its own, on free ports of loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import urllib3

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
"""What a product inherits from the run; its settings are its own."""
READY_SECONDS = 90
STOP_SECONDS = 40
NAMES = {"capture": b"\0capture\0", "web": b"\0gunicorn\0", "worker": b"\0worker\0", "beat": b"\0beat\0"}
COMMANDS = """
import io, json, sys
import django
django.setup()
from django.core.management import call_command
for words in json.load(sys.stdin):
    said = io.StringIO()
    call_command(*words, stdout=said, stderr=sys.stderr)
    print(json.dumps(said.getvalue().strip()))
"""
http = urllib3.PoolManager(maxsize=32, retries=False, timeout=urllib3.Timeout(30))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(holds, *, seconds, what):
    """What `holds` answers once that is true; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)
    return found


class Product:
    """One `up` on a data folder: `start`, `stop`, and again on the same data. `environment` holds its settings."""

    def __init__(self, data, *, demo=False, **environment):
        self.data = Path(data)
        self.port, self.capture_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.capture_url = f"ws://127.0.0.1:{self.capture_port}/capture"
        self.environment = {name: os.environ[name] for name in KEPT if name in os.environ} | environment
        self.environment |= {"DATA_DIR": str(self.data), "DJANGO_SETTINGS_MODULE": "project.settings"}
        self.demo = demo
        self.process = None
        self.told = []

    # --- Start and stop -------------------------------------------------------------------------------------------

    def start(self):
        """Start it and wait for the line that begins with `ready`; what stood before it is in `told`."""
        self.data.mkdir(parents=True, exist_ok=True)
        ports = ["--port", str(self.port), "--capture-port", str(self.capture_port)]
        options = ["--data", str(self.data), *ports, *([] if self.demo else ["--no-demo"])]
        said = self.data / "up.out"
        with said.open("wb") as out, (self.data / "up.err").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *options],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,  # a Ctrl-C for the test run is not one for the product
            )
        until(lambda: self._is_ready(said), seconds=READY_SECONDS, what=f"up is ready ({self.data})")
        self.told = said.read_text().splitlines()
        return self

    def _is_ready(self, said):
        assert self.process.poll() is None, f"up ended with {self.process.returncode}:\n{self.errors()}"
        return any(line.startswith("ready") for line in said.read_text().splitlines())

    def errors(self):
        return (self.data / "up.err").read_text()[-4000:]

    def stop(self, number=signal.SIGINT):
        """As Ctrl-C does; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def close(self):
        """Whatever state it is in: nothing of it is left afterwards. Polite for two seconds only."""
        for number, seconds in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 10.0)):
            for pid in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while self.processes() and time.monotonic() < deadline:
                if self.process is not None:
                    self.process.poll()
                time.sleep(0.05)
        if self.process is not None:
            self.process.wait(10)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *error):
        self.close()

    # --- Its processes --------------------------------------------------------------------------------------------

    def processes(self):
        """Every process that works on this data folder: pid → command line. A zombie is none."""
        mark = f"DATA_DIR={self.data}".encode()
        found = {}
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes()
            except OSError:  # it went meanwhile, or is another user's
                continue
        return found

    def pid(self, name):
        """The pid of `capture`, `web`, `worker` or `beat`: the child of `up` itself, not one of its own children."""
        for pid, command in self.processes().items():
            if NAMES[name] in command and _parent(pid) == self.process.pid:
                return pid
        return None

    def kill(self, name):
        """SIGKILL to one of its processes, which must be there; the pid that was."""
        pid = until(lambda: self.pid(name), seconds=20, what=f"{name} runs")
        os.kill(pid, signal.SIGKILL)
        return pid

    def await_again(self, name, old):
        """Until `up` has put another process in the place of `old`, and it answers where it can be asked."""
        until(lambda: self.pid(name) not in (None, old), seconds=20, what=f"{name} is started again")
        port = {"capture": self.capture_port, "web": self.port}.get(name)
        if port is not None:
            until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), seconds=30, what=f"{name} answers again")

    # --- The operator ---------------------------------------------------------------------------------------------

    def manage(self, *commands):
        """Run operator's commands, each a list of words, in one process; what each printed."""
        words = json.dumps([[str(word) for word in command] for command in commands])
        done = self._python("-c", COMMANDS, said=words)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def manage_one(self, *words):
        """One command as a shell runs it: its completed process."""
        return self._python("manage.py", *map(str, words))

    def inside(self, code):
        """Run Python with the product's settings and models; the words it printed."""
        done = self.manage_one("shell", "--verbosity", "0", "--command", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def _python(self, *words, said=None):
        return subprocess.run(
            [sys.executable, *words],
            env=self.environment,
            cwd=ROOT,
            input=said,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def furnish(self, name="shop"):
        """A workspace with an app, a key of it that may do all, and a stream key."""
        self.manage(["create_workspace", name, "--slug", name])
        self.app = f"{name}-app"
        self.key, address = self.manage(
            ["create_api_key", name, "--scopes", "all", "--app", self.app], ["create_stream_key", name]
        )
        self.workspace = name
        self.stream_url = f"{self.capture_url}/{address.partition('?')[0].rpartition('/')[2]}"
        return self

    def endpoint(self, receiver, *events):
        """Have this receiver told of the app's sessions: of the given events, or of those sent unasked."""
        words = ["create_webhook_endpoint", self.workspace, receiver.url, "--app", self.app]
        [receiver.secret] = self.manage([*words, *(["--events", ",".join(events)] if events else [])])

    def sessions(self, count):
        """So many calls in progress, each with a session: pairs of the call's uuid and the session's id."""
        calls = [said.split()[1] for said in self.manage(*[["create_call", self.workspace]] * count)]
        ids = self.manage(*[["create_session", self.app, "--call", call] for call in calls])
        return list(zip(calls, ids, strict=True))

    # --- The integrator -------------------------------------------------------------------------------------------

    def get(self, path, **headers):
        """GET with the key as `flat` takes it."""
        return http.request("GET", self.url + path, headers={"x-api-key": self.key} | headers)

    def command(self, session, name, *, uid=None):
        """POST a session's command, `start` or `stop`; with a uid it may be posted again."""
        headers = {"X-App-ID": self.app, "X-API-Key": self.key}
        body = json.dumps({"command_uid": uid} if uid else {}).encode()
        url = f"{self.url}/api/v1/sessions/{session}/commands/record/{name}"
        return http.request("POST", url, body=body, headers=headers)

    def wav(self, recording, **headers):
        return self.get(f"/api/recordings/{recording}", **headers)

    def pcm(self, recording):
        """The audio of an ended recording: its WAV's bytes after a header that says their true length."""
        reply = self.wav(recording)
        assert reply.status == 200, reply.data
        assert int.from_bytes(reply.data[40:44], "little") == len(reply.data) - 44
        return reply.data[44:]

    def of_call(self, call):
        """The call's recordings, newest first."""
        return self.get(f"/api/recordings/call/{call}").json()

    def received(self, recording):
        """Bytes of its audio that can be fetched so far."""
        return self.get(f"/api/recordings/{recording}/metadata").json()["file"]["fileSize"]

    def ended(self, recording):
        """Whether it has ended: only then it has a length."""
        return self.get(f"/api/recordings/{recording}/metadata").json()["durationMs"] is not None

    def updated(self, recording):
        """When it last changed (UTC): of one that has ended, when it did."""
        return datetime.fromisoformat(self.get(f"/api/recordings/{recording}/metadata").json()["updatedAt"])

    def await_health(self, *, seconds=60):
        """Until `doctor` finds nothing wrong: every process and store is there, nothing waits."""
        deadline = time.monotonic() + seconds
        while (done := self.manage_one("doctor")).returncode:
            assert time.monotonic() < deadline, done.stdout
            time.sleep(0.5)

    def await_end(self, recording, *, seconds=30):
        until(lambda: self.ended(recording), seconds=seconds, what=f"recording {recording} ends")


def answers(url):
    try:
        return http.request("GET", url, timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _parent(pid):
    try:
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(") ")[2].split()[1])
    except OSError:
        return None
