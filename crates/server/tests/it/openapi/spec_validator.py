"""Judges an OpenAPI 3.1 document by openapi-spec-validator, and by its schemas the examples, bodies and answers.

Reads {"document", "bodies": [{"schema", "body", "taken"}], "answers": [{"method", "path", "status", "type", "body"}]};
prints what is wrong as a JSON list of sentences.
"""

import json
import sys

from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator

asked = json.load(sys.stdin)
document = asked["document"]


def faults(schema, value):
    # The components stand beside the schema, so that its references lead somewhere.
    whole = {**schema, "components": document["components"]}
    return [error.message for error in OAS31Validator(whole, format_checker=oas31_format_checker).iter_errors(value)]


def examples(part):
    """Each schema or parameter below `part` that has an example, with it."""
    if isinstance(part, dict):
        if "example" in part and ("type" in part or "schema" in part or "$ref" in part):
            yield part.get("schema", part), part["example"]
        part = list(part.values())
    if isinstance(part, list):
        for below in part:
            yield from examples(below)


def judged(answer):
    responses = document["paths"][answer["path"]][answer["method"].lower()]["responses"]
    response = responses.get(str(answer["status"]))
    if response is None:
        return ["no such status"]
    content = response.get("content", {})
    if not content:
        return ["a body, where none is documented"] if answer["body"] else []
    if answer["type"] not in content:
        return [f"no such content type: {answer['type']}"]
    return faults(content[answer["type"]]["schema"], answer["body"])


wrong = [f"document: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
shown = list(examples(document))
if not shown:
    wrong.append("document: there is no example")
for schema, example in shown:
    wrong += [f"example {example!r}: {fault}" for fault in faults(schema, example)]
for asked_for in asked["bodies"]:
    found = faults({"$ref": f"#/components/schemas/{asked_for['schema']}"}, asked_for["body"])
    if asked_for["taken"] == bool(found):
        wrong.append(f"{asked_for['schema']} {asked_for['body']}: taken {asked_for['taken']}, but documented: {found}")
for answer in asked["answers"]:
    name = f"{answer['method']} {answer['path']} {answer['status']}"
    wrong += [f"{name}: {fault}" for fault in judged(answer)]
print(json.dumps(wrong))
