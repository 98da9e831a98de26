"""Schemathesis hooks: what the OpenAPI document cannot say about a running server."""

import os
import random

import schemathesis

MODEL_NAME = os.environ["INTENTD_MODEL_NAME"]
MODEL_VERSION = os.environ["INTENTD_MODEL_VERSION"]


@schemathesis.hook
def before_call(context, case, **kwargs):
    """Runs before each request, of whatever phase."""
    _name_the_model(case.path_parameters)
    if isinstance(case.body, dict):
        if "timeout_ms" in case.body:
            case.body["timeout_ms"] = _patient(case.body["timeout_ms"])
        _shape(case.body)
    if case.headers and "X-Request-Timeout-Ms" in case.headers:
        try:
            case.headers["X-Request-Timeout-Ms"] = str(_patient(int(case.headers["X-Request-Timeout-Ms"])))
        except ValueError:
            pass


def _name_the_model(parameters):
    """Half of the requests name the model that is there; the others get 404."""
    if parameters and random.random() < 0.5:
        if "name" in parameters:
            parameters["name"] = MODEL_NAME
        if "version" in parameters:
            parameters["version"] = MODEL_VERSION


def _patient(value):
    """A valid client deadline is made long: one of a few milliseconds is rightly answered 504."""
    return 60_000 if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 60_000 else value


def _shape(body):
    """Most tensors get the shape of their data, which JSON Schema cannot tie to it."""
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or random.random() < 0.2:
        return
    for tensor in inputs:
        if isinstance(tensor, dict) and isinstance(tensor.get("data"), list) and "shape" in tensor:
            tensor["shape"] = [len(tensor["data"])]
