from calls import checks, commands, outbox


def ids(messages):
    return [message.id for message in messages]


def test_each_command_without_a_handler_is_an_error(monkeypatch):
    monkeypatch.setattr(commands, "_handlers", {})
    assert ids(checks.commands_have_handlers()) == ["calls.E001", "calls.E001"]
    assert "'record/start'" in checks.commands_have_handlers()[0].msg
    for command in commands.COMMANDS:
        commands.register(command, lambda *_: None)
    assert checks.commands_have_handlers() == []


def test_the_default_style_must_be_written_by_somebody(plain_styles, monkeypatch):
    assert checks.sessions_style_is_registered() == []
    monkeypatch.delitem(outbox._styles, "sessions")
    assert ids(checks.sessions_style_is_registered()) == ["calls.W001"]
