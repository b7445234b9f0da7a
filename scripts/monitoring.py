#!/usr/bin/env python3
"""Checks that alerts, their tests and the dashboard fit each other, the programs and the runbook.

What promtool can say of a rule or a query it says; this looks at what lies between the files. Prints
every fault it finds, and exits 1 if there is one.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

MONITORING = Path("k8s/monitoring")
RUNBOOK = Path("docs/alerts.md")
SOURCES = ["receiver/src", "worker/src", "shared/src"]

# Looked up on RabbitMQ 3.10 and 4.3: both have all of them.
RABBITMQ = {
    "rabbitmq_alarms_memory_used_watermark",
    "rabbitmq_alarms_free_disk_space_watermark",
    "rabbitmq_global_messages_dead_lettered_expired_total",
    "rabbitmq_global_messages_dead_lettered_rejected_total",
    "rabbitmq_global_messages_dead_lettered_delivery_limit_total",
    "rabbitmq_global_messages_dead_lettered_maxlen_total",
}

# What a query may hold, and what stands for it where a query is tried.
VARIABLES = {"$__rate_interval": "1m", "$__range": "3h", "$instance": ".*"}

faults = []


def expect(holds, fault):
    if not holds:
        faults.append(fault)


def check_rules(groups):
    """Each alert says how bad it is, what it means, and where its runbook is."""
    for rule in alerts(groups):
        name, annotations = rule["alert"], rule.get("annotations", {})
        expect(rule.get("labels", {}).get("severity") in {"warning", "critical"}, f"{name}: no severity")
        expect(set(annotations) == {"summary", "description", "runbook"}, f"{name}: annotations are {set(annotations)}")
        runbook = f"{RUNBOOK}#{name.lower()}"
        expect(annotations.get("runbook") == runbook, f"{name}: its runbook is not {runbook}")
    names = [rule["alert"] for rule in alerts(groups)]
    expect(len(names) == len(set(names)), "an alert is there twice")


def check_runbook(groups):
    """Each alert has a paragraph, under a heading that is its name."""
    text = RUNBOOK.read_text() if RUNBOOK.exists() else ""
    headings = set(re.findall(r"^#+ +`?(\w+)`?\s*$", text, re.MULTILINE))
    for rule in alerts(groups):
        expect(rule["alert"] in headings, f"{RUNBOOK}: no heading {rule['alert']}")


def check_copy(groups):
    """The operator's resource holds the same rules."""
    copy = yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())
    kind = (copy["apiVersion"], copy["kind"])
    expect(kind == ("monitoring.coreos.com/v1", "PrometheusRule"), f"prometheusrule.yaml: is {kind}")
    expect(copy["spec"]["groups"] == groups, "prometheusrule.yaml: other rules than alerts.yaml")


def check_tests(groups):
    """Each alert is seen to fire and not to fire."""
    tests = yaml.safe_load((MONITORING / "alerts.test.yaml").read_text())["tests"]
    seen = {rule["alert"]: set() for rule in alerts(groups)}
    for test in tests:
        for moment in test["alert_rule_test"]:
            name = moment["alertname"]
            expect(name in seen, f"alerts.test.yaml: there is no alert {name}")
            seen.setdefault(name, set()).add(bool(moment["exp_alerts"]))
    for name, outcomes in seen.items():
        expect(True in outcomes, f"alerts.test.yaml: {name} never fires")
        expect(False in outcomes, f"alerts.test.yaml: {name} is never silent")
    names = [test["name"] for test in tests]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"alerts.test.yaml: there are two tests `{name}`")


def check_panels(dashboard):
    """Each panel says what it shows, in which unit, and has a place of its own."""
    taken, ids = {}, set()
    for panel in dashboard["panels"]:
        title = panel.get("title") or f"panel {panel['id']}"
        expect(panel["id"] not in ids, f"{title}: another panel has its id")
        ids.add(panel["id"])
        place = panel["gridPos"]
        expect(place["x"] + place["w"] <= 24, f"{title}: is out of the grid")
        for cell in cells(place):
            expect(cell not in taken, f"{title}: lies on {taken.get(cell)}")
            taken[cell] = title
        expect(panel.get("title"), f"{title}: no title")
        if panel["type"] == "row":
            continue
        expect(len(panel.get("description", "")) > 10, f"{title}: no description")
        if panel["type"] == "alertlist":
            # Grafana puts no variable's value into these: compared as they stand, they match nothing.
            expect("$" not in json.dumps(panel["options"]), f"{title}: its options have a variable")
            continue
        expect(panel["fieldConfig"]["defaults"].get("unit"), f"{title}: no unit")
        expect(panel["fieldConfig"]["defaults"].get("thresholds"), f"{title}: no thresholds")
        expect(panel.get("targets"), f"{title}: no query")
        references = [target["refId"] for target in panel["targets"]]
        expect(len(references) == len(set(references)), f"{title}: two queries have one name")
        for target in panel["targets"]:
            source = target["datasource"]["uid"]
            expect(source == "${datasource}", f"{title}: its data source is {source}")
            expect(target.get("expr"), f"{title}: a query is empty")
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    expect(variables == {"datasource", "instance"}, f"dashboard.json: its variables are {variables}")


def check_queries(dashboard):
    """Prometheus can read every query of the dashboard, once its variables have values."""
    rules = []
    for number, (title, query) in enumerate(queries(dashboard)):
        for variable, value in VARIABLES.items():
            query = query.replace(variable, value)
        expect("$" not in query, f"{title}: an unknown variable in {query}")
        rules.append({"record": f"panel:query:{number}", "expr": query})
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        told = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True, check=False)
    expect(told.returncode == 0, f"dashboard.json: {told.stdout}{told.stderr}")


def check_metrics(groups, dashboard):
    """Every metric that is asked for is one that a program registers, RabbitMQ has, or a rule records."""
    files = [file for source in SOURCES for file in Path(source).rglob("*.rs")]
    literals = set(re.findall(r'"([a-z][a-z_]*)"', "\n".join(file.read_text() for file in files)))
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    asked = [(rule.get("alert") or rule["record"], rule["expr"]) for group in groups for rule in group["rules"]]
    asked += queries(dashboard)
    for title, query in asked:
        for metric in set(re.findall(r"(?<![\w:])(?:hubline|rabbitmq)[_:][\w:]+", re.sub(r'"[^"]*"', "", query))):
            if metric.startswith("hubline:"):
                known = metric in recorded
            elif metric.startswith("rabbitmq_"):
                known = metric in RABBITMQ
            else:
                # prometheus-client adds the suffix that a counter, a histogram or an info has.
                name = metric.removeprefix("hubline_")
                known = bool({name, re.sub(r"_(total|bucket|count|sum|info)$", "", name)} & literals)
            expect(known, f"{title}: nothing registers {metric}")


def alerts(groups):
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def queries(dashboard):
    panels = [panel for panel in dashboard["panels"] if panel["type"] not in {"row", "alertlist"}]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]


def cells(place):
    columns = range(place["x"], place["x"] + place["w"])
    return [(x, y) for y in range(place["y"], place["y"] + place["h"]) for x in columns]


def main():
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    check_rules(groups)
    check_runbook(groups)
    check_copy(groups)
    check_tests(groups)
    check_panels(dashboard)
    check_queries(dashboard)
    check_metrics(groups, dashboard)
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


main()
