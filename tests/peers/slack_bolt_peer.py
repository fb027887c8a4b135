"""Slack's own Python framework, unmodified: it checks our signatures over HTTP, then does the same over Socket Mode."""

import json
import os
import queue
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from slack_bolt import App, BoltRequest
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

BASE = os.environ["SLACK_BASE"]
WAIT_SECS = 20
client = WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=f"{BASE}/api/")
app = App(client=client, signing_secret=os.environ["SLACK_SIGNING_SECRET"])
heard = queue.Queue()


def person(what, **body):
    """Does something on the client page, as a person would."""
    request = urllib.request.Request(
        f"{BASE}/client/{what}",
        data=json.dumps({"as": "ada.lima", **body}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=WAIT_SECS) as answer:
        return json.load(answer)


def seen(channel):
    with urllib.request.urlopen(f"{BASE}/client/channel/{channel}?as=ada.lima", timeout=WAIT_SECS) as answer:
        return json.load(answer)["messages"]


def plain(text):
    return {"type": "plain_text", "text": text}


VIEW = {
    "type": "modal",
    "callback_id": "incident.declare",
    "private_metadata": "IMP-1",
    "title": plain("Declare"),
    "submit": plain("Go"),
    "notify_on_close": True,
    "blocks": [{"type": "input", "block_id": "title", "label": plain("Title"), "element": {"type": "plain_text_input", "action_id": "v"}}],
}


@app.command("/imp")
def command(ack, body):
    if body["text"]:
        ack(f"You said {body['text']}")
    else:
        ack()
        heard.put(("opened", client.views_open(trigger_id=body["trigger_id"], view=VIEW)["view"]["id"]))


@app.view("incident.declare")
def submitted(ack, view):
    title = view["state"]["values"]["title"]["v"]["value"]
    if len(title) < 5:
        ack(response_action="errors", errors={"title": "Say a little more."})
    else:
        ack()
        heard.put(("submitted", title))


@app.view_closed("incident.declare")
def closed(ack, view):
    ack()
    heard.put(("closed", view["private_metadata"]))


@app.action("incident.update")
def pressed(ack, body, respond):
    ack()
    respond(text="Pressed", replace_original=False)
    heard.put(("pressed", body["actions"][0]["value"]))


@app.shortcut("incident.declare")
def shortcut(ack, body):
    ack()
    heard.put(("shortcut", body["type"]))


@app.event("app_mention")
def mentioned(event):
    heard.put(("mentioned", event["text"]))


@app.event("message")
def message(event):
    pass


@app.event("member_joined_channel")
def joined(event):
    pass


def hears(kind):
    got, what = heard.get(timeout=WAIT_SECS)
    assert got == kind, f"{kind} was expected, not {got}: {what}"
    return what


def a_day_at_work():
    channel = client.conversations_list(limit=200)["channels"]
    channel = next(c["id"] for c in channel if c["name"] == "incidents")
    me = client.auth_test()["user_id"]
    person("send", channel=channel, text="/imp hello @tiago.fernandes")
    assert "You said hello <@" in seen(channel)[-1]["text"], seen(channel)[-1]

    person("send", channel=channel, text="/imp")
    view = hears("opened")
    values = lambda text: {"title": {"v": {"type": "plain_text_input", "value": text}}}
    assert person("submit", view=view, values=values("ab"))["errors"] == {"title": "Say a little more."}
    assert person("submit", view=view, values=values("Card payments")) == {}
    assert hears("submitted") == "Card payments"
    person("send", channel=channel, text="/imp")
    person("close", view=hears("opened"))
    assert hears("closed") == "IMP-1"

    element = {"type": "button", "action_id": "incident.update", "value": "IMP-1", "text": plain("Update")}
    card = client.chat_postMessage(channel=channel, text="card", blocks=[{"type": "actions", "elements": [element]}])
    action = {**element, "block_id": card["message"]["blocks"][0]["block_id"]}
    person("action", channel=channel, ts=card["ts"], action=action)
    assert hears("pressed") == "IMP-1"
    assert seen(channel)[-1]["text"] == "Pressed" and seen(channel)[-1]["is_ephemeral"]

    person("shortcut", callback_id="incident.declare", channel=channel, ts=card["ts"])
    assert hears("shortcut") == "message_action"
    person("shortcut", callback_id="incident.declare")
    assert hears("shortcut") == "shortcut"
    person("send", channel=channel, text="@imp are you there?")
    assert hears("mentioned") == f"<@{me}> are you there?"


class Door(BaseHTTPRequestHandler):
    """The HTTP side of the app: every request goes to Bolt, which checks its signature."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {k: v for k, v in self.headers.items()}
        answer = app.dispatch(BoltRequest(body=body, headers=headers))
        self.send_response(answer.status)
        for name, value in answer.first_headers_without_set_cookie().items():
            self.send_header(name, value)
        text = answer.body.encode()
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def main():
    door = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    # The test reads where we listen, tells the workspace, and says so.
    print(f"listening http://127.0.0.1:{door.server_port}", flush=True)
    assert sys.stdin.readline().strip() == "told"
    a_day_at_work()
    door.shutdown()
    door.server_close()

    handler = SocketModeHandler(app, app_token=os.environ["SLACK_APP_TOKEN"])
    handler.connect()
    a_day_at_work()
    handler.close()
    print("slack_bolt: all is well")


main()
