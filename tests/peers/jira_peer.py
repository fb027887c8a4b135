"""The Python client for Jira, unmodified, against the practice workspace: REST versions 2 and 3, Basic and Bearer."""

import io
import os

from jira import JIRA
from jira.exceptions import JIRAError

BASE = os.environ["JIRA_BASE"]
WHO = (os.environ["JIRA_EMAIL"], os.environ["JIRA_TOKEN"])


def refused(status, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except JIRAError as error:
        assert error.status_code == status, error
        return error.text
    raise AssertionError("it was not refused")


def document(text):
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]}


def main():
    two = JIRA(BASE, basic_auth=WHO, max_retries=0)
    assert two.server_info()["deploymentType"] == "Cloud"
    assert [p.key for p in two.projects()] == ["INC", "ENG"]
    assert two.project("INC").name == "Incidents"
    assert two.myself()["emailAddress"] == WHO[0]
    assert {f["name"] for f in two.fields()} >= {"Summary", "Service", "Country"}
    assert [p.name for p in two.priorities()][0] == "Highest"

    incident = two.create_issue(project="INC", issuetype={"name": "Incident"}, summary="Payments fail", description="Since noon.\nIn Porto.", labels=["imp-42"])
    assert incident.key == "INC-1" and incident.fields.description == "Since noon.\nIn Porto."
    assert "summary" in refused(400, two.create_issue, project="INC", issuetype={"name": "Incident"}, description="x")
    refused(404, two.issue, "INC-99")

    comment = two.add_comment(incident, "We look at it.")
    assert two.comment(incident, comment.id).body == "We look at it."
    comment.update(body="We found it.")
    assert [c.body for c in two.comments(incident)] == ["We found it."]

    incident.update(summary="Card payments fail", priority={"name": "Highest"})
    assert two.issue("INC-1").fields.priority.name == "Highest"
    ada = two.search_users(query="ada.lima@meridian.example")[0]
    assert ada.displayName == "Ada Lima"
    incident.update(assignee={"accountId": ada.accountId})
    assert two.issue("INC-1").fields.assignee.displayName == "Ada Lima"

    offered = {t["to"]["name"]: t["id"] for t in two.transitions(incident)}
    assert "Investigating" in offered and "Done" not in offered
    two.transition_issue(incident, offered["Investigating"])
    assert two.issue("INC-1").fields.status.name == "Investigating"

    link = two.add_simple_link(incident, {"url": "https://imp.example/IMP-42", "title": "IMP-42"})
    assert [l.object.title for l in two.remote_links(incident)] == ["IMP-42"], link
    task = two.create_issue(project="INC", issuetype={"name": "Sub-task"}, parent={"key": "INC-1"}, summary="Roll back")
    two.create_issue_link("Relates", task.key, incident.key)
    assert [s.key for s in two.issue("INC-1").fields.subtasks] == [task.key]
    two.add_issue_property("INC-1", "imp", {"ref": "IMP-42"})
    assert two.issue_property("INC-1", "imp").value.ref == "IMP-42"
    file = two.add_attachment(incident, io.BytesIO(b"a graph"), filename="graph.txt")
    assert two.attachment(file.id).get() == b"a graph"
    two.add_watcher(incident, "ada.lima@meridian.example")
    assert ada.accountId in [w.accountId for w in two.watchers(incident).watchers]

    found = two.search_issues('project = INC AND labels = "imp-42" ORDER BY created DESC')
    assert [i.key for i in found] == ["INC-1"], found
    refused(400, two.search_issues, "colour = red")

    three = JIRA({"server": BASE, "rest_api_version": "3"}, token_auth=WHO[1], get_server_info=False, max_retries=0)
    assert three.issue("INC-1").fields.description.content[0].content[0].text == "Since noon."
    other = three.create_issue(project="INC", issuetype={"name": "Incident"}, summary="Search is slow", description=document("Slow."))
    other.delete()
    refused(404, three.issue, other.key)
    refused(401, JIRA(BASE, basic_auth=("nobody@meridian.example", "x"), get_server_info=False, max_retries=0).myself)
    print("all is well")


main()
