"""Slack's own Python client, unmodified, against the practice workspace: the web API, webhooks and Socket Mode."""

import json
import os
import queue
import urllib.request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.webhook import WebhookClient

BASE = os.environ["SLACK_BASE"]
WAIT_SECS = 20
client = WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=f"{BASE}/api/")


def person(what, **body):
    """Does something on the client page, as a person would."""
    request = urllib.request.Request(
        f"{BASE}/client/{what}",
        data=json.dumps({"as": "ada.lima", **body}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=WAIT_SECS) as answer:
        return json.load(answer)


def refused(error, call, **arguments):
    try:
        call(**arguments)
    except SlackApiError as why:
        assert why.response["error"] == error, why.response.data
        return why.response
    raise AssertionError(f"{error} was expected")


def plain(text):
    return {"type": "plain_text", "text": text}


def web_api():
    me = client.auth_test()
    assert me["bot_id"] and "chat:write" in me.headers["x-oauth-scopes"]
    assert WebClient("nobody", base_url=f"{BASE}/api/").api_test()["ok"]
    refused("invalid_auth", WebClient("nobody", base_url=f"{BASE}/api/").auth_test)

    # Pages by cursor, walked by the client's own iterator.
    members = [m for page in client.users_list(limit=7) for m in page["members"]]
    assert len(members) == len({m["id"] for m in members}) > 20
    ada = client.users_lookupByEmail(email=next(m for m in members if m["name"] == "ada.lima")["profile"]["email"])["user"]
    refused("users_not_found", client.users_lookupByEmail, email="nobody@nowhere.example")

    made = client.conversations_create(name="inc-peer")["channel"]
    channel = made["id"]
    assert made["is_member"] and not made["is_private"]
    refused("name_taken", client.conversations_create, name="inc-peer")
    refused("invalid_name_specials", client.conversations_create, name="Inc Peer")
    people = [m["id"] for m in members if not m["is_bot"]][:4]
    client.conversations_invite(channel=channel, users=people)
    refused("already_in_channel", client.conversations_invite, channel=channel, users=people[:1])
    refused("cant_invite_self", client.conversations_invite, channel=channel, users=me["user_id"])
    client.conversations_setTopic(channel=channel, topic="*SEV1* · investigating")
    refused("too_long", client.conversations_setTopic, channel=channel, topic="x" * 251)
    assert client.conversations_info(channel=channel)["channel"]["topic"]["value"].startswith("*SEV1*")
    assert set(people) < set(client.conversations_members(channel=channel)["members"])

    blocks = [
        {"type": "header", "text": plain("Card payments fail")},
        {"type": "actions", "elements": [{"type": "button", "action_id": "incident.update", "value": "IMP-1", "text": plain("Update")}]},
    ]
    posted = client.chat_postMessage(
        channel=channel, text="Card payments fail & “more”", blocks=blocks, metadata={"event_type": "card", "event_payload": {"ref": "IMP-1"}}
    )
    ts = posted["ts"]
    found = client.conversations_history(channel=channel, include_all_metadata=True)["messages"][0]
    assert found["metadata"]["event_payload"]["ref"] == "IMP-1" and found["blocks"][0]["block_id"]
    wrong = refused("invalid_blocks", client.chat_postMessage, channel=channel, text="x", blocks=[{"type": "header", "text": plain("x" * 151)}])
    assert "[json-pointer:/blocks/0/text/text]" in wrong["response_metadata"]["messages"][0]
    refused("no_text", client.chat_postMessage, channel=channel)
    refused("channel_not_found", client.chat_postMessage, channel="C0NOWHERE", text="x")
    client.chat_update(channel=channel, ts=ts, text="Card payments work again")
    refused("message_not_found", client.chat_update, channel=channel, ts="1.000001", text="x")
    reply = client.chat_postMessage(channel=channel, thread_ts=ts, text="a reply", reply_broadcast=True)
    thread = client.conversations_replies(channel=channel, ts=ts)["messages"]
    assert [m["ts"] for m in thread] == [ts, reply["ts"]] and thread[0]["reply_count"] == 1
    client.pins_add(channel=channel, timestamp=ts)
    refused("already_pinned", client.pins_add, channel=channel, timestamp=ts)
    assert client.pins_list(channel=channel)["items"][0]["message"]["ts"] == ts
    client.reactions_add(channel=channel, timestamp=ts, name="eyes")
    refused("already_reacted", client.reactions_add, channel=channel, timestamp=ts, name="eyes")
    mark = client.bookmarks_add(channel_id=channel, title="Jira", type="link", link="https://jira.example/INC-1")["bookmark"]
    client.bookmarks_edit(channel_id=channel, bookmark_id=mark["id"], title="INC-1")
    assert client.bookmarks_list(channel_id=channel)["bookmarks"][0]["title"] == "INC-1"
    assert client.chat_postEphemeral(channel=channel, user=people[0], text="psst")["message_ts"]
    assert client.chat_getPermalink(channel=channel, message_ts=ts)["permalink"].endswith(ts.replace(".", ""))
    assert client.chat_postMessage(channel=ada["id"], text="to you")["channel"].startswith("D")
    upload = client.files_upload_v2(channel=channel, filename="timeline.txt", content="12:00 it began", title="Timeline")
    assert client.files_info(file=upload["file"]["id"])["file"]["size"] == 14
    assert any(g["handle"] == "payments-team" and ada["id"] in g["users"] for g in client.usergroups_list(include_users=True)["usergroups"])
    client.conversations_archive(channel=channel)
    refused("is_archived", client.chat_postMessage, channel=channel, text="x")
    refused("already_archived", client.conversations_archive, channel=channel)


def socket_mode():
    heard = queue.Queue()
    socket = SocketModeClient(app_token=os.environ["SLACK_APP_TOKEN"], web_client=WebClient(base_url=f"{BASE}/api/"))

    def listener(c, request):
        if request.type == "events_api":
            c.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        elif request.type == "slash_commands":
            c.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload={"text": "heard you"}))
        elif request.payload["type"] == "view_submission":
            answer = {"response_action": "errors", "errors": {"title": "Too short."}}
            c.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=answer))
        else:
            c.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        heard.put(request)

    def next_of(kind):
        while True:
            request = heard.get(timeout=WAIT_SECS)
            if request.type == kind:
                return request

    socket.socket_mode_request_listeners.append(listener)
    socket.connect()
    person("send", channel="incidents", text="hello")
    event = next_of("events_api").payload
    assert event["type"] == "event_callback" and event["event"]["text"] == "hello", event
    person("send", channel="incidents", text="/imp list")
    command = next_of("slash_commands").payload
    assert (command["command"], command["text"], command["channel_name"]) == ("/imp", "list", "incidents")
    webhook = WebhookClient(command["response_url"])
    assert webhook.send(text="once more", response_type="in_channel").status_code == 200
    view = {
        "type": "modal",
        "callback_id": "incident.declare",
        "title": plain("Declare"),
        "submit": plain("Go"),
        "blocks": [{"type": "input", "block_id": "title", "label": plain("Title"), "element": {"type": "plain_text_input", "action_id": "v"}}],
    }
    opened = client.views_open(trigger_id=command["trigger_id"], view=view)["view"]
    refused("exchanged_trigger_id", client.views_open, trigger_id=command["trigger_id"], view=view)
    refused("hash_conflict", client.views_update, view_id=opened["id"], hash="1.old", view=view)
    client.views_update(view_id=opened["id"], hash=opened["hash"], view=view)
    values = {"title": {"v": {"type": "plain_text_input", "value": "ab"}}}
    assert person("submit", view=opened["id"], values=values) == {"errors": {"title": "Too short."}}
    submission = next_of("interactive").payload
    assert submission["view"]["state"]["values"] == values
    socket.close()


web_api()
socket_mode()
print("slack_sdk: all is well")
