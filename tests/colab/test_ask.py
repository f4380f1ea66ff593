"""Questions of programs to the server, and the requests that are built on them."""

from __future__ import annotations

import threading
from typing import Any

import pytest


def test_an_answer_is_returned_and_a_no_is_raised_with_its_code(agent: Any) -> None:
    from google.colab import _ask

    agent.says("notebook", {"name": "n.ipynb"})
    assert _ask.ask("notebook", 5, more=1) == {"name": "n.ipynb"}
    assert agent.asked == [{"kind": "notebook", "content": {"more": 1}, "timeout_s": 5}]
    with pytest.raises(_ask.RefusedError, match="Nobody knows tea") as refused:
        _ask.ask("tea")
    assert refused.value.code == "unknown_ask"


def test_outside_of_a_notebook_and_without_an_agent_it_says_so(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.colab import _ask, userdata

    monkeypatch.setenv("LABORA_KERNEL", "another")
    with pytest.raises(_ask.RefusedError, match="403"):
        _ask.ask("notebook")
    monkeypatch.setenv("LABORA_ASK", "http://127.0.0.1:9")
    with pytest.raises(_ask.RefusedError, match="does not answer") as refused:
        _ask.ask("notebook")
    assert refused.value.code == "no_agent"
    monkeypatch.delenv("LABORA_ASK")
    with pytest.raises(NotImplementedError, match="in a notebook"):
        userdata.get("KEY")


def test_threads_ask_at_once_and_each_gets_its_own_answer(agent: Any) -> None:
    from google.colab import userdata

    together = threading.Barrier(8)

    def secret(content: dict[str, Any]) -> Any:
        together.wait()
        return {"ok": True, "value": {"exists": True, "access": True, "value": f"of {content['name']}"}}

    agent.answers["secret.get"] = secret
    found: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: userdata.get(f"KEY{n}")}))  # type: ignore[misc]
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: f"of KEY{n}" for n in range(8)}


def test_secrets_that_are_not_there_not_granted_or_late(agent: Any) -> None:
    from google.colab import userdata

    agent.says("secret.get", {"exists": False, "access": False, "value": None})
    with pytest.raises(userdata.SecretNotFoundError, match="Secret KEY does not exist"):
        userdata.get("KEY")
    agent.says("secret.get", {"exists": True, "access": False, "value": None})
    with pytest.raises(userdata.NotebookAccessError, match="does not have access to secret KEY"):
        userdata.get("KEY")
    agent.refuses("secret.get", "timeout")
    with pytest.raises(userdata.TimeoutException):
        userdata.get("KEY")
    asked = len(agent.asked)
    for name in ("A KEY", "KEY\n", "", None):
        with pytest.raises(ValueError, match="without spaces"):
            userdata.get(name)  # type: ignore[arg-type]
    assert len(agent.asked) == asked


def test_requests_by_their_names_in_colab(agent: Any) -> None:
    from google.colab import _message

    agent.says("get_ipynb", {"ipynb": {"cells": [{"source": "a\nb"}]}})
    agent.says("notebook", {"name": "n.ipynb"})
    assert _message.blocking_request("get_ipynb", request="", timeout_sec=5)["ipynb"]["cells"] == [
        {"source": ["a\n", "b"]}
    ]
    assert _message.blocking_request("get_ipynb")["ipynb"]["metadata"]["colab"]["name"] == "n.ipynb"
    agent.says("secret.get", {"exists": True, "access": True, "value": "v"})
    secret = _message.blocking_request("GetSecret", request={"key": "K"}, timeout_sec=None)
    assert secret == {"exists": True, "access": True, "payload": "v"}
    agent.refuses("get_ipynb", "timeout")
    assert _message.blocking_request("get_ipynb") is None
    agent.refuses("request_auth", "no_google", "There is no Google here.")
    with pytest.raises(_message.MessageError, match="no Google"):
        _message.blocking_request("request_auth", request={"authType": "dfs_ephemeral"})


def test_unknown_requests_are_refused_at_once(agent: Any) -> None:
    from google.colab import _message

    with pytest.raises(_message.MessageError, match="make_tea"):
        _message.blocking_request("make_tea", timeout_sec=None)
    with pytest.raises(_message.MessageError, match="make_tea"):
        _message.send_request("make_tea", expect_reply=True)
    assert agent.asked == []


def test_a_reply_can_be_read_later(agent: Any) -> None:
    from google.colab import _message

    may = threading.Event()

    def notebook(_: Any) -> Any:
        may.wait()
        return {"ok": True, "value": {"ipynb": 1}}

    agent.answers["get_ipynb"] = notebook
    number = _message.send_request("get_ipynb", expect_reply=True)
    assert number is not None
    assert _message.read_reply_from_input(number, timeout_sec=0) is None
    may.set()
    assert _message.read_reply_from_input(number) == {"ipynb": 1}
    with pytest.raises(_message.MessageError, match="No reply"):
        _message.read_reply_from_input(number)


def test_scripts_are_evaluated_by_the_page(agent: Any) -> None:
    from google.colab import _message, output

    agent.says("javascript", {"value": [1, None]})
    assert output.eval_js("[1, null]") == [1, None]
    assert agent.asked[-1]["content"] == {"script": "[1, null]"}
    agent.refuses("javascript", "script_failed", "ReferenceError: x is not defined")
    with pytest.raises(_message.MessageError, match="ReferenceError"):
        output.eval_js("x")
    agent.refuses("javascript", "timeout")
    assert output.eval_js("new Promise(() => {})", timeout_sec=1) is None
    assert agent.asked[-1]["timeout_s"] == 1
    agent.refuses("javascript", "nobody_asked")
    assert output.eval_js("1", ignore_result=True) is None


def test_ending_the_runtime_and_signing_in(agent: Any, capsys: pytest.CaptureFixture[str]) -> None:
    import os

    from google.colab import auth, errors, runtime

    agent.says("unassign", None)
    runtime.unassign()
    agent.refuses("unassign", "denied", "Not yours.")
    with pytest.raises(errors.RuntimeManagementError, match="Not yours"):
        runtime.unassign()
    auth.authenticate_user(project_id="mine")
    assert os.environ.pop("GOOGLE_CLOUD_PROJECT") == os.environ.pop("GOOGLE_CLOUD_QUOTA_PROJECT") == "mine"
    assert "does not sign in to Google" in capsys.readouterr().err


def test_a_models_key_that_may_not_be_seen_is_told_and_none_is_fine(
    agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.colab import ai, userdata

    # Nobody listens there; what is asked before is what counts.
    monkeypatch.setenv("MODEL_PROXY_HOST", "http://127.0.0.1:9/v1")
    monkeypatch.delenv("MODEL_PROXY_API_KEY", raising=False)
    agent.says("secret.get", {"exists": True, "access": False, "value": None})
    with pytest.raises(userdata.NotebookAccessError, match="MODEL_PROXY_API_KEY"):
        ai.list_models()
    agent.says("secret.get", {"exists": False, "access": False, "value": None})
    with pytest.raises(ai.ModelProxyServiceError, match="does not answer"):
        ai.list_models()
    for code, why in (("timeout", "timed out"), ("too_many", "Too many questions")):
        agent.refuses("secret.get", code, "Too many questions.")
        with pytest.raises(ai.ModelProxyServiceError, match=f"key could not be read: .*{why}.* MODEL_PROXY_API_KEY"):
            ai.generate_text("hello")
