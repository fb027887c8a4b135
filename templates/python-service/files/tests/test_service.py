"""What callers may count on."""

from fastapi.testclient import TestClient

from app.main import app

client = TestClient(app)


def test_it_says_that_it_is_up():
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


def test_it_says_whether_it_can_serve():
{% if database == 'postgresql' %}
    answer = client.get("/readyz")
    assert answer.status_code in (200, 503)
    assert answer.json()["ready"] == (answer.status_code == 200)
{% else %}
    assert client.get("/readyz").json() == {"ready": True}
{% endif %}


def test_requests_are_counted():
    client.get("/healthz")
    text = client.get("/metrics").text
    assert 'http_requests_total{code="200",path="/healthz",service="{$ service $}"}' in text
