"""The server of the page: what it answers, and to whom it says nothing."""

import contextlib
import http.client
import json
import threading

import numpy as np
import pytest

from hopfield import UniversalHopfield, find_fixed_points
from hopfield.explore import Server, page

MODEL = {"patterns": [[1.0, 0.0], [0.0, 1.0]], "shape": None, "names": ["pattern 0", "pattern 1"]}
QUESTION = {
    "patterns": [[1.0, 0.0], [0.0, 1.0], [-1.0, -0.5]],
    "query": [0.9, 0.2],
    "similarity": "euclidean",
    "separation": "softmax",
    "beta": 4.0,
}


@pytest.fixture(scope="module")
def server():
    with Server(MODEL) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def ask(server, verb="recall", body=None, method="POST", path=None, leave=(), **changed):
    """Send a question as the page does, but for what is changed or left out; returns the status and the answer."""
    content = body if isinstance(body, bytes) else json.dumps(QUESTION if body is None else body).encode()
    headers = {
        "Host": f"127.0.0.1:{server.server_port}",
        "Origin": f"http://127.0.0.1:{server.server_port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        "X-Hopfield-Token": server.token,
    } | changed
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.putrequest(method, path or f"/api/{verb}", skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        if name not in leave:
            connection.putheader(name, value)
    connection.endheaders()
    if method == "POST" and headers["Content-Length"] == str(len(content)):
        connection.send(content)
    with contextlib.closing(connection), connection.getresponse() as answer:
        text = answer.read().decode()
    return answer.status, json.loads(text) if answer.headers["Content-Type"] == "application/json" else text


def get(server, path, **changed):
    return ask(server, method="GET", path=path, leave=("Content-Length", "Content-Type"), **changed)


# --- what it answers


def test_the_page_with_its_token(server):
    status, text = get(server, "/")
    assert status == 200
    assert text.replace(f' data-served="{server.token}"', "") == page()


def test_what_is_stored(server):
    assert get(server, "/api/model") == (200, MODEL)


def memory():
    return UniversalHopfield(np.array(QUESTION["patterns"]), "euclidean", beta=4.0, tau_memory=0.0)


def test_recall(server):
    status, found = ask(server, "recall")
    assert status == 200
    np.testing.assert_array_equal(found["state"], memory().recall(np.array(QUESTION["query"])))


def test_simulate(server):
    status, found = ask(server, "simulate")
    assert status == 200
    assert found["holds"]
    assert np.all(np.diff(found["energy"]) <= 1e-12)
    assert np.abs(np.array(found["states"][-1]) - [1, 0]).max() < 0.1


def test_fixed_points(server):
    status, found = ask(server, "fixed-points")
    known = find_fixed_points(memory(), seed=0)
    assert status == 200
    np.testing.assert_array_equal(found["states"], known.state)
    assert found["kinds"] == list(known.kind)


def test_basins_and_radius(server):
    status, found = ask(server, "basins")
    assert status == 200
    assert {0, 1, 2} <= set(found["labels"])
    status, found = ask(server, "radius", QUESTION | {"pattern": 1})
    assert status == 200
    assert 0 < found["certified"] <= found["adversarial"]


def test_many_questions_on_one_connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    for _ in range(3):
        headers = {"Content-Type": "application/json", "X-Hopfield-Token": server.token}
        connection.request("POST", "/api/recall", json.dumps(QUESTION), headers)
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read())["state"]
    connection.close()


# --- whom it refuses


@pytest.mark.parametrize(
    "changed",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"X-Hopfield-Token": ""},
        {"X-Hopfield-Token": "guess"},
        {"X-Hopfield-Token": "\u00e9"},
    ],
    ids=str,
)
def test_others_get_nothing(server, changed):
    status, found = ask(server, **changed)
    assert status == 403
    assert list(found) == ["error"]
    if "X-Hopfield-Token" not in changed:
        assert get(server, "/", **changed)[0] == 403  # nor the page, in which the token stands
    assert get(server, "/api/model", **changed)[0] == 403


def test_a_request_without_a_host(server):
    assert ask(server, leave=("Host",))[0] == 403


@pytest.mark.parametrize(
    "path", ["/page.html", "/../setup.cfg", "/%2e%2e/setup.cfg", "//etc/passwd", "/api/", "/api/recall"]
)
def test_there_is_one_page(server, path):
    assert get(server, path)[0] == 404


@pytest.mark.parametrize("path", ["/", "/api/model", "/api/delete", "/api/recall/", "/API/recall", "/recall"])
def test_there_are_five_questions(server, path):
    status, found = ask(server, path=path)
    assert status == 404
    assert "recall, simulate, fixed-points, basins, radius" in found["error"]


def test_other_methods(server):
    for method in ("PUT", "DELETE", "OPTIONS", "CONNECT"):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        connection.request(method, "/api/recall")
        assert connection.getresponse().status == 501
        connection.close()


# --- questions that are none


def test_a_body_that_is_too_large_is_not_read(server):
    status, found = ask(server, **{"Content-Length": str(2**24 + 1)})
    assert status == 413
    assert "16777216" in found["error"]


@pytest.mark.parametrize("length", ["", "-1", "many", "1e3"])
def test_a_body_without_a_length(server, length):
    assert ask(server, body=b"", leave=() if length else ("Content-Length",), **{"Content-Length": length})[0] == 411


def test_another_kind_of_content(server):
    assert ask(server, **{"Content-Type": "text/plain"})[0] == 415


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"\x80abc", "decode"),
        (b"[" * 100_000, ""),
        ([], "A question is an object"),
        ({}, "A question is an object"),
        (QUESTION | {"patterns": [[1, 2], [3]]}, "patterns must be lists"),
        (QUESTION | {"patterns": []}, "patterns"),
        (QUESTION | {"patterns": [[1.0, None]]}, "patterns"),
        (QUESTION | {"patterns": [[1e999, 0.0]]}, "infinite"),
        (QUESTION | {"patterns": [[0.0, 1.0]] * 2001}, "at most 2000"),
        (QUESTION | {"query": [1, 2, 3]}, "3"),
        (QUESTION | {"query": "abc"}, "query must be lists"),
        (QUESTION | {"beta": -1}, "beta"),
        (QUESTION | {"beta": "big"}, "beta"),
        (QUESTION | {"similarity": "nearness"}, "nearness"),
        (QUESTION | {"separation": 3}, ""),
        (QUESTION | {"pattern": 3}, "from 0 to 2"),
        (QUESTION | {"pattern": "first"}, "from 0 to 2"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_questions_get_a_sentence(server, body, says):
    status, found = ask(server, "radius", body)
    assert status == 400
    assert says in found["error"]
    assert found["error"]
