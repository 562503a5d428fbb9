"""What can go wrong with calls and commands.

    CallError
    ├── CallStateInvalid       the call or conference cannot go from its state to the one asked for
    ├── SessionUnknown         no such session
    ├── CooldownRunning        the session's heavy group was used less than 2 s ago (has `retry_after`)
    ├── EngineRefused          the telephony engine would not stream the call
    ├── ActionFailed           a flow's action could not be carried out (its text goes into the run's log)
    └── CommandFailed          a command was taken and could not be carried out (its text goes into command.result)

Each has a `code` and `data`; what that is on the wire is each surface's own affair.
"""

from typing import Any


class CallError(Exception):
    code = "call_error"

    def __init__(self, message: str = "", **data: Any) -> None:
        super().__init__(message or self.__class__.__name__)
        self.data = data


class CallStateInvalid(CallError):
    code = "call_state_invalid"


class SessionUnknown(CallError):
    code = "session_unknown"


class CooldownRunning(CallError):
    code = "cooldown_running"

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"cooldown runs for {retry_after:.3f} s more", retry_after=retry_after)
        self.retry_after = retry_after


class EngineRefused(CallError):
    code = "engine_refused"


class CommandFailed(CallError):
    code = "command_failed"


class ActionFailed(CallError):
    code = "action_failed"
