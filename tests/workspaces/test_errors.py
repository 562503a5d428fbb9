import pytest

from workspaces import errors


def kinds():
    return [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.WorkspaceError)
    ]


def test_each_error_has_a_code_of_its_own_and_a_place_in_the_tree():
    assert len({kind.code for kind in kinds()}) == len(kinds()) == 10
    for kind in kinds():
        assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize(
    "error",
    [
        errors.CredentialMissing(),
        errors.CredentialInvalid("expired"),
        errors.ScopeMissing("all"),
        errors.RateExceeded(retry_after=1.5, limit=1, remaining=0, reset=60),
        errors.WorkspaceUnknown("x"),
        errors.AppRefused("no", app_id="x"),
    ],
)
def test_an_error_says_one_thing_and_nothing_secret(error):
    assert str(error)
    assert "expired" not in f"{error} {error.code} {error.data}"
