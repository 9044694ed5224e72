"""What --json prints is what docs/tend.schema.json describes, all of it: a key that the schema does
not know is a failure here, although programs must bear it.
"""

import copy
import json
import re
import subprocess

import jsonschema
import pytest

from common import start
from harness import TOP, helper

SCHEMA = json.loads((TOP / "docs/tend.schema.json").read_text())

# Command, definition, and whether each line is a document of its own.
COMMANDS = [
    (["status"], "status", False),
    (["status", "a", "dead"], "status", False),
    (["list"], "list", False),
    (["list", "--agents", "--services"], "list", False),
    (["monitor"], "monitor", False),
    (["monitor", "--verbose"], "monitor", False),
    (["stats"], "stats", False),
    (["stats", "--system"], "stats", False),
    (["why", "a"], "why", False),
    (["why", "gone"], "why", False),
    (["why", "a", "dead"], "whys", False),
    (["group"], "groups", False),
    (["group", "more", "a", "dead"], "acts", False),
    (["doctor"], "doctor", False),
    (["version"], "version", False),
    (["config", "show"], "config", False),
    (["orphans"], "orphans", False),
    (["snapshot"], "snapshot", False),
    (["events"], "event", True),
    (["events", "a"], "event", True),
    (["logs"], "log", True),
    (["logs", "size"], "log_size", True),
    (["logs-aggregator"], "log", True),
    (["logs-aggregator", "--stats"], "log_stats", True),
    (["logs", "--verify"], "log_verify", True),
    (["start", "a", "dead", "/nonexistent", "--background"], "acts", False),
    (["resurrect"], "acts", False),
    (["signal", "a", "WINCH"], "acts", False),
    (["restart", "a", "dead"], "acts", False),
    (["restart-agent", "a"], "acts", False),
    (["upgrade", "--check"], "acts", False),
    (["upgrade"], "acts", False),
    (["stop", "a", "nosuch*"], "acts", False),
    (["remove", "a", "nosuch"], "acts", False),
    (["stop"], "acts", False),
]


def closed(schema):
    """The same, but objects whose keys are listed may have no others."""
    if isinstance(schema, dict):
        schema = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
    elif isinstance(schema, list):
        schema = [closed(value) for value in schema]
    return schema


def once(pairs):
    """An object; a key that comes twice is a mistake that parsers pass over."""
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)


def validator(name):
    schema = closed(copy.deepcopy(SCHEMA))
    schema["$ref"] = f"#/$defs/{name}"
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        validator("version").validate({"name": "tend", "version": 1})
    with pytest.raises(jsonschema.ValidationError):
        validator("version").validate({"name": "tend", "version": "1", "more": 1})


def test_output_is_as_described(tend):
    agent = tend.work / "a.py"
    agent.write_text(
        "import time\nprint('2026-01-01 10:00:00 - a - ERROR - x', flush=True)\ntime.sleep(1000)\n"
    )
    tend.run("start", agent, "--background", "--group", "g")
    start(tend, "dead", helper("crasher"), "0", "3", options=("--restart", "no"))
    start(tend, "gone", "true", options=("--restart", "no"))
    for name in ("dead", "gone"):
        tend.wait(name, "stopped")
    tend.run("remove", "gone")
    tend.wait_log("a", "ERROR")
    assert json.loads(tend.run("status", "--json").stdout)["agents"]["a"]["group"] == "g"
    for command, name, lines in COMMANDS:
        text = tend.run(*command, "--json", check=False).stdout
        documents = [
            json.loads(line, object_pairs_hook=once)
            for line in (text.splitlines() if lines else [text])
        ]
        assert documents, command
        for document in documents:
            validator(name).validate(document)


def test_documents_of_whatever_facts_are_as_described(tend):
    """Every function that writes a document, with facts that no instance would show: none, and
    bytes by chance.
    """
    start(tend, "a", helper("sleeper"), options=("--group", "g"))
    text = subprocess.run(
        [helper("documents"), "40"], env=tend.env, capture_output=True, check=True
    ).stdout.decode()
    assert not [
        c
        for c in text
        if c != "\n" and c != "\t" and (c < " " or "\x7f" <= c <= "\x9f" or c == "\u202e")
    ]
    validators = {name: validator(name) for name in SCHEMA["$defs"]}
    written = set()
    for line in text.splitlines():
        name, _, document = line.partition("\t")
        validators[name].validate(json.loads(document, object_pairs_hook=once))
        written.add(name)
    assert written == set(SCHEMA["$defs"]) - {
        "time",
        "time_or_null",
        "why",
    }  # the last one is an item of whys
    tend.stop_all()


def test_what_became_of_a_process_is_told_in_the_words_of_the_schema():
    outcomes = (TOP / "lib/client/outcomes.def").read_text()
    words = re.findall(r'^OUTCOME\(\w+, "(\w+)"', outcomes, re.M)
    result = SCHEMA["$defs"]["acts"]["properties"]["processes"]["items"]["properties"]["result"]
    assert sorted(words) == sorted([*result["examples"], "rotated"])  # logs rotate has no --json


def test_every_command_that_knows_json_is_described(tend):
    described = {command[0] for command, _, _ in COMMANDS}
    for line in tend.run("complete", 1, "tend", "").stdout.splitlines():
        command = line.split("\t")[0]
        options = {
            line.split("\t")[0]
            for line in tend.run("complete", 2, "tend", command, "--").stdout.splitlines()
        }
        assert ("--json" in options) == (command in described), command
