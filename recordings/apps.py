from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    name = "recordings"
    verbose_name = "Recordings"

    def ready(self) -> None:
        from calls import commands, flows, signals  # noqa: PLC0415 - models are not loaded before this
        from recordings import api, control  # noqa: PLC0415 - as above

        commands.register(commands.RECORD_START, control.record_start)
        commands.register(commands.RECORD_STOP, control.record_stop)
        flows.register(flows.RECORDING_START, flows.Port(check=control.check_start, act=control.flow_start))
        flows.register(flows.RECORDING_STOP, flows.Port(check=control.check_stop, act=control.flow_stop))
        signals.conference_ended.connect(control.stop_with_conference)
        signals.call_ended.connect(control.stop_with_call)
        api.ready()
